"""Valkey servers of a cluster, started as docs/hosts.md prints it."""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from fleet.data.keys import make_key_folder, read_or_make_secret
from fleet.engines.binaries import valkey_program
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from tests.fixtures.servers import Server

ROOT: Final = Path(__file__).parents[3]
ADDRESSES: Final = [f"127.0.0.{number}" for number in range(11, 17)]
SECRETS: Final = "/etc/hubbub/secrets"
ROLES: Final = ("edge", "realtime", "files", "users", "chats", "replica", "admin")
LAST_PORT: Final = 65_535 - 10_000  # each server's second port is 10,000 above the first


class Host(Server):
    """One of the servers, started by the printed line."""

    def __init__(self, folder: Path, address: str, port: int) -> None:
        self.address, self._port, self._secrets = address, port, folder / "secrets"
        self.folder = folder / address
        self.folder.mkdir()
        line = printed_start().replace(SECRETS, str(self._secrets)).replace("10.0.0.1", address)
        words = shlex.split(line.replace("/var/lib/hubbub", str(self.folder)), comments=True)
        variables = dict(word.split("=") for word in words if "=" in word)
        program, printed_port = words[len(variables) :]
        assert printed_port == "6379"
        path = f"{valkey_program().parent}:{os.environ['PATH']}"
        super().__init__(
            lambda: spawn(
                [ROOT / program, str(port)],
                env={"PATH": path, **variables},
                cwd=self.folder,
                output=subprocess.DEVNULL,
            ),
            self.answers,
        )

    def answers(self) -> bool:
        try:
            return bool(self.tell("PING"))
        except (redis.RedisError, OSError):
            return False

    def tell(self, *command: str | int, user: str = "admin") -> Any:
        password = (self._secrets / f"valkey-{user}.password").read_text().strip()
        with redis.Redis(
            self.address, self._port, username=user, password=password, protocol=2, socket_timeout=5
        ) as one:
            return one.execute_command(*command)


class Hosts:
    def __init__(self, folder: Path, servers: int) -> None:
        make_key_folder(folder / "secrets")
        for role in ROLES:
            read_or_make_secret(folder / "secrets" / f"valkey-{role}.password")
        self._reserved = [ReservedPort()]
        while self._reserved[-1].number > LAST_PORT:
            self._reserved.append(ReservedPort())
        self._port = self._reserved[-1].number
        self.servers = [Host(folder, address, self._port) for address in ADDRESSES[:servers]]

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        for port in self._reserved:
            port.close()


def printed_start() -> str:
    """The line by which docs/hosts.md starts a server with users."""
    page = (ROOT / "docs" / "hosts.md").read_text()
    section = page.partition("\n## Valkey on several machines")[2].partition("\n## ")[0]
    (line,) = (one for one in section.splitlines() if one.startswith("HERE="))
    return line


@pytest.fixture
def make_hosts(tmp_path: Path) -> Iterator[Callable[[int], Hosts]]:
    """Start so many servers that do not know each other (half a second each)."""
    made: list[Hosts] = []

    def make(servers: int) -> Hosts:
        made.append(Hosts(tmp_path, servers))
        return made[-1]

    yield make
    for hosts in made:
        hosts.close()


def test_a_printed_server_knows_all_users(make_hosts: Callable[[int], Hosts]) -> None:
    """Each role logs in with its password, as does the user that creates the cluster."""
    (server,) = make_hosts(1).servers
    assert all(server.tell("PING", user=role) for role in ROLES)
    assert b"cluster_known_nodes:1" in server.tell("CLUSTER", "INFO")
