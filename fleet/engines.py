"""PostgreSQL, the bus and the caches as supervised programs of this machine.

An engine for which the operator gave a URL is somebody else's and is not started.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from fleet.children import spawn
from fleet.keys import read_or_make_secret
from fleet.ports import ReservedPort
from fleet.postgres import Database, accepts_connections, make_cluster, server_command
from fleet.processes import Program
from fleet.settings import DATABASE_VARIABLES, FleetSettings
from fleet.valkey import answers_ping, bus_command, cache_command

CACHE_NODES = 3


class Engines:
    """The engines to start, and the addresses of all engines."""

    def __init__(self, settings: FleetSettings, lock: int) -> None:
        self._settings, self._lock = settings, lock
        self.urls = dict(settings.external)
        self.programs: list[Program] = []
        self.caches: list[Program] = []
        if not self.urls.keys() >= set(DATABASE_VARIABLES.values()):
            self.programs.append(self._postgres())
        if "HUBBUB_VALKEY_URL" not in self.urls:
            port = ReservedPort()
            self.urls["HUBBUB_VALKEY_URL"] = f"redis://{port.address}"
            self.programs.append(self._valkey("valkey", 1, port, bus_command(port.number)))
        if "HUBBUB_CACHE_URLS" not in self.urls:
            ports = [ReservedPort() for _ in range(CACHE_NODES)]
            self.urls["HUBBUB_CACHE_URLS"] = ",".join(f"redis://{port.address}" for port in ports)
            self.caches = [
                self._valkey("cache", number, port, cache_command(port.number))
                for number, port in enumerate(ports, 1)
            ]

    def _postgres(self) -> Program:
        port = ReservedPort()
        databases = []
        for role, variable in DATABASE_VARIABLES.items():
            password = read_or_make_secret(self._settings.keys / f"{role}-database.password")
            databases.append(Database(f"hubbub_{role}", password))
            self.urls.setdefault(variable, databases[-1].url(port.number))
        folder = self._settings.data / "postgres"
        disguise = make_cluster(folder, databases)
        (folder / "postmaster.pid").unlink(missing_ok=True)  # nobody runs: the lock says so
        command = server_command(folder, port.number, disguise)

        async def answers() -> bool:
            return await accepts_connections(port.number, databases[0].name)

        return Program(
            "postgres", 1, port.number, None, self._starter(command), answers, answers,
            signal.SIGINT,  # ends sessions instead of waiting for them
        )  # fmt: skip

    def _valkey(
        self, role: str, number: int, port: ReservedPort, command: Sequence[str | Path]
    ) -> Program:
        async def answers() -> bool:
            return await answers_ping(port.number)

        return Program(role, number, port.number, None, self._starter(command), answers, answers)

    def _starter(self, command: Sequence[str | Path]) -> Callable[[], subprocess.Popen[bytes]]:
        return lambda: spawn(
            command,
            env={"PATH": os.environ.get("PATH", "")},
            cwd=self._settings.run,
            output=subprocess.PIPE,
            pass_fds=[self._lock],
        )
