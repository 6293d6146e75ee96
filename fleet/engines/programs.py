"""PostgreSQL, the bus and the caches as supervised programs on this machine.

An engine with a URL from the operator is not started.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from fleet.engines.databases import open_cluster
from fleet.engines.postgres import (
    SMALL,
    accepts_connections,
    is_up_or_recovers,
    server_command,
)
from fleet.engines.valkey import BUS_SOCKET, answers_ping, bus_command, cache_command
from fleet.engines.valkey_users import password_file, write_rules
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from fleet.processes.supervised import Program
from fleet.settings import DATABASE_VARIABLES, SERVICE_ROLES, FleetSettings

CACHE_NODES = 3


class Engines:
    """The engines to start, and the addresses of all engines. `own` has the variables that only one
    role gets. `run` is their working directory, open in every service."""

    def __init__(self, settings: FleetSettings, lock: int, run: int) -> None:
        self._settings, self._lock, self._run = settings, lock, run
        self.urls = dict(settings.external)
        self.own: dict[str, dict[str, str]] = {role: {} for role in SERVICE_ROLES}
        self.programs: list[Program] = []
        self.caches: list[Program] = []
        if not self.urls.keys() >= set(DATABASE_VARIABLES.values()):
            self.programs.append(self._postgres())
        if "HUBBUB_VALKEY_URL" not in self.urls:
            self.programs.append(self._bus())
        if "HUBBUB_CACHE_URLS" not in self.urls:
            self.caches = self._caches()

    def _postgres(self) -> Program:
        port = ReservedPort()
        folder = self._settings.data / "postgres"
        databases, disguise = open_cluster(folder, self._settings.keys)  # the lock keeps others out
        for role, variable in DATABASE_VARIABLES.items():
            self.urls.setdefault(variable, databases[role].url(port.number))
        memory = SMALL if self._settings.size == "small" else {}
        command = server_command(folder, port.number, disguise, None, **memory)

        async def is_ready() -> bool:
            return await accepts_connections(port.number, databases["users"].name)

        async def is_live() -> bool:
            return await is_up_or_recovers(port.number, databases["users"].name)

        return Program(
            "postgres", 1, port.number, None, self._starter(command), is_ready, is_live,
            signal.SIGINT,  # ends sessions instead of waiting for them
        )  # fmt: skip

    def _bus(self) -> Program:
        port, keys = ReservedPort(), self._settings.keys
        for role, environment in self.own.items():
            # Short however deep the folder is: the path of a Unix socket may have at most 107
            # bytes.
            path = f"/proc/self/fd/{self._run}/{BUS_SOCKET}"
            environment["HUBBUB_VALKEY_URL"] = f"unix://{role}@{path}"
            environment["HUBBUB_VALKEY_PASSWORD_FILE"] = str(password_file(keys, "valkey", role))
            environment["HUBBUB_TOPIC_PREFIX"] = ""  # no other system uses it
        rules = write_rules(keys, "valkey", "bus.acl", "doctor.acl")
        return self._valkey("valkey", 1, port, bus_command(port.number, rules))

    def _caches(self) -> list[Program]:
        keys = self._settings.keys
        password = password_file(keys, "cache", "edge").read_text().strip()
        rules = write_rules(keys, "cache", "cache.acl")
        memory = "16mb" if self._settings.size == "small" else "64mb"
        nodes = 1 if self._settings.size == "small" else CACHE_NODES
        ports = [ReservedPort() for _ in range(nodes)]
        self.own["edge"]["HUBBUB_CACHE_URLS"] = ",".join(
            f"redis://edge:{password}@{port.address}" for port in ports
        )
        return [
            self._valkey("cache", number, port, cache_command(port.number, rules, memory))
            for number, port in enumerate(ports, 1)
        ]

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
            pass_fds=[self._lock],
        )
