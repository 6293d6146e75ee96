"""Starts processes of each role, assembled by the product's own `create_…` and `open_…`."""

from collections.abc import Iterator
from typing import Any, Final

import realtime.__main__
from chats.app import create_chats
from chats.settings import ChatsSettings
from common.calls.callers import CALLERS, callers_lines, read_callers
from common.process.service import _serve, serving_calls
from common.process.settings import ServiceSettings
from realtime.settings import RealtimeSettings
from simulation.edge import EdgeSettings, serving_edge
from simulation.network import Listener
from simulation.processes import Process, State
from simulation.valkey import Valkey
from users.app import create_users
from users.settings import Settings as UsersSettings

PORT: Final = 80
SECRETS: Final = {role: f"the secret of {role}" for role in CALLERS}
MAX_UNSENT_BYTES: Final = 32_768  # a setting; as small as a reader can be slow in a few seconds


class Fleet:
    """The processes of one run, by host."""

    def __init__(self, loop: Any, replicas: dict[str, int]) -> None:
        self._loop = loop
        self.hosts = [f"{role}-{n}" for role, count in replicas.items() for n in range(count)]
        self.processes: dict[str, Process] = {}
        self._seeds = {
            role: tuple(f"{h}:{PORT}" for h in self.hosts if h.startswith(role))
            for role in ("users", "chats", "realtime")
        }

    def of(self, role: str) -> list[str]:
        return [host for host in self.hosts if host.startswith(role)]

    def nodes(self) -> Iterator[tuple[str, Any]]:
        """The realtime nodes that run, by host."""
        for host, process in self.processes.items():
            if process.node is not None and process.state is State.RUNNING:
                yield host, process.node

    def serves_for(self, role: str) -> float:
        """For how long one of its processes has run without a break; 0 if none does."""
        running = [
            process.running_since
            for host, process in self.processes.items()
            if host.startswith(role) and process.state is State.RUNNING
        ]
        return self._loop.time() - min(running) if running else 0.0

    def edges_are_ready(self) -> bool:
        """Whether each can admit callers, as before a fleet reports itself ready."""
        gates = [process.gate for process in self.processes.values() if process.gate is not None]
        return len(gates) == len(self.of("edge")) and not any(gate.missing for gate in gates)

    def start(self, host: str) -> None:
        """A new life of that process."""
        role = host.partition("-")[0]
        process = self.processes[host] = Process(self._loop, host)
        process.start(getattr(self, f"_run_{role}")(host))

    def _settings(self, role: str, host: str) -> ServiceSettings:
        listener: Any = Listener(host, PORT)
        return ServiceSettings(
            role=role,
            name=host,
            listen=listener,
            metrics_listen=None,
            advertise=f"{host}:{PORT}",
            valkey_url="redis://valkey:6379",
            topic_prefix="",
            users_seeds=self._seeds["users"],
            chats_seeds=self._seeds["chats"],
            realtime_seeds=self._seeds["realtime"],
            service_key=SECRETS[role],
            shared_key=None,
            rate_factor=1,
            log_file=None,
        )

    async def _run_users(self, host: str) -> None:
        service = self._settings("users", host)
        settings = UsersSettings(
            service=service,
            database_url="users",
            signing_secret=SECRETS["users"],
            pool_size=8,
            callers=read_callers(callers_lines(SECRETS, "users")),
            hashing_memory_kib=8,
            hashing_passes=1,
        )
        await _serve(settings, lambda s: serving_calls(create_users(s), s.service.listen.open()))

    async def _run_chats(self, host: str) -> None:
        service = self._settings("chats", host)
        settings = ChatsSettings(
            service=service,
            database_url="chats",
            callers=read_callers(callers_lines(SECRETS, "chats")),
            pool_size=8,
            window_bytes=2**20,
            window_bytes_a_chat=2**16,
        )
        await _serve(settings, lambda s: serving_calls(create_chats(s), s.service.listen.open()))

    async def _run_realtime(self, host: str) -> None:
        service = self._settings("realtime", host)
        settings = RealtimeSettings(
            service=service,
            origins=(None,),
            balancer_key=None,
            balancer_listen_fd=None,
            callers=read_callers(callers_lines(SECRETS, "realtime")),
            max_sockets_an_address=200,
            max_sockets_a_user=20,
            max_refused_frames=200,
            max_unsent_bytes=MAX_UNSENT_BYTES,
            max_pending_handshakes=100,
        )
        await _serve(settings, realtime.__main__.serving_realtime)

    async def _run_cache(self, host: str) -> None:
        await Valkey(self._loop, host).serve(host)

    async def _run_edge(self, host: str) -> None:
        await _serve(EdgeSettings(self._settings("edge", host)), serving_edge)
