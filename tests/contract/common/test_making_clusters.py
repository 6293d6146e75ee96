"""Valkey servers started as docs/hosts.md prints it, which spread their primaries over hosts, and
the script that makes a cluster of them in Kubernetes. A program that can die at a given command
replaces valkey-cli.
"""

import os
import re
import shlex
import shutil
import signal
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
from tests.fixtures.cluster import is_primary, is_up, is_well, known, until
from tests.fixtures.servers import Server

ROOT: Final = Path(__file__).parents[3]
ADDRESSES: Final = [f"127.0.0.{number}" for number in range(11, 17)]
SECRETS: Final = "/etc/hubbub/secrets"
ROLES: Final = ("edge", "realtime", "files", "users", "chats", "replica", "admin")
LAST_PORT: Final = 65_535 - 10_000  # each server's second port is 10,000 above the first
RUN_SECONDS: Final = 60.0

VALKEY_CLI: Final = r"""#!/bin/bash
while [[ $1 == -* ]]; do
    case $1 in
    -h) host=$2 ;;
    -p) port=$2 ;;
    --user) user=$2 ;;
    --no-auth-warning) shift && continue ;;
    esac
    shift 2
done
[[ -n $DIES_AT && "$host $*" == *"$DIES_AT"* ]] && kill -KILL 0
exec 3<>"/dev/tcp/$host/$port" || exit
printf 'AUTH %s %s\r\n%s\r\n' "$user" "$REDISCLI_AUTH" "$*" >&3
read -r _ <&3
read -r answer <&3
case $answer in
'$'*) read -r -N "${answer//[^0-9]/}" answer <&3 ;;
*) answer=${answer:1} ;;
esac
printf '%s\n' "${answer%$'\r'}"
"""


class Host(Server):
    """One of the servers, started by the printed line."""

    def __init__(self, folder: Path, address: str, port: int) -> None:
        self.address, self.port, self._secrets = address, port, folder / "secrets"
        self.folder = folder / address
        self.folder.mkdir(exist_ok=True)
        line = printed_start().replace(SECRETS, str(self._secrets)).replace("10.0.0.1", address)
        words = shlex.split(line.replace("/var/lib/hubbub", str(self.folder)), comments=True)
        variables = dict(word.split("=") for word in words if "=" in word)
        program, printed_port = words[len(variables) :]
        assert printed_port == "6379"
        path = f"{folder / 'programs'}:{valkey_program().parent}:{os.environ['PATH']}"
        super().__init__(
            lambda: spawn(
                [ROOT / program, str(port)],
                env={"PATH": path, **variables},
                cwd=self.folder,
                output=subprocess.DEVNULL,
            ),
            lambda: is_up(self.tell),
        )

    def tell(self, *command: str | int, user: str = "admin") -> Any:
        password = (self._secrets / f"valkey-{user}.password").read_text().strip()
        with redis.Redis(
            self.address, self.port, username=user, password=password, protocol=2, socket_timeout=5
        ) as one:
            return one.execute_command(*command)


class Hosts:
    """So many hosts, with a server for each of so many ports."""

    def __init__(self, folder: Path, hosts: int, ports: int = 1) -> None:
        make_key_folder(folder / "secrets")
        for role in ROLES:
            read_or_make_secret(folder / "secrets" / f"valkey-{role}.password")
        programs = folder / "programs"
        programs.mkdir()
        client = programs / "valkey-cli"
        client.write_text(VALKEY_CLI)
        client.chmod(0o755)
        self._reserved: list[ReservedPort] = []
        usable: list[int] = []
        while len(usable) < ports:
            self._reserved.append(ReservedPort())
            if (number := self._reserved[-1].number) <= LAST_PORT:
                usable.append(number)
        self.servers = [
            Host(folder, address, port) for port in usable for address in ADDRESSES[:hosts]
        ]
        self._environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HUBBUB_SECRETS": str(folder / "secrets"),
            "HUBBUB_VALKEY_PORT": str(usable[0]),
            "HUBBUB_MEMBERS": " ".join(ADDRESSES),
        }

    def run_job(self, dies_at: str = "") -> subprocess.CompletedProcess[str]:
        """As in Kubernetes; with `dies_at` it is killed before the command with these words."""
        return subprocess.run(
            ["sh", ROOT / "deploy" / "valkey" / "cluster.sh"],
            env={**self._environment, "DIES_AT": dies_at},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=RUN_SECONDS, start_new_session=True,
        )  # fmt: skip

    def shards(self) -> list[list[Any]]:
        """By the first slot: the range, the primary and the replicas, as the first server says."""
        return sorted(self.servers[0].tell("CLUSTER", "SLOTS"))

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        for port in self._reserved:
            port.close()


def failovers(servers: list[Host]) -> int:
    """The cluster's epoch, which each of them raises by one."""
    said = [server.tell("CLUSTER", "INFO").decode() for server in servers]
    return max(int(re.findall(r"cluster_current_epoch:(\d+)", one)[0]) for one in said)


def printed_start() -> str:
    """The line by which docs/hosts.md starts a server with users."""
    page = (ROOT / "docs" / "hosts.md").read_text()
    section = page.partition("\n## Valkey on several machines")[2].partition("\n## ")[0]
    (line,) = (one for one in section.splitlines() if one.startswith("HERE="))
    return line


@pytest.fixture
def make_hosts(tmp_path: Path) -> Iterator[Callable[..., Hosts]]:
    """Start servers that do not know each other (half a second each)."""
    made: list[Hosts] = []

    def make(hosts: int, ports: int = 1) -> Hosts:
        made.append(Hosts(tmp_path, hosts, ports))
        return made[-1]

    yield make
    for hosts in made:
        hosts.close()


def test_a_printed_server_knows_all_users(make_hosts: Callable[..., Hosts]) -> None:
    """Each role logs in with its password, as does the user that creates the cluster."""
    (server,) = make_hosts(1).servers
    assert all(server.tell("PING", user=role) for role in ROLES)
    assert b"cluster_known_nodes:1" in server.tell("CLUSTER", "INFO")


def test_a_run_completes_what_is_missing(make_hosts: Callable[..., Hosts]) -> None:
    """Wherever a run was interrupted, all slots have a primary in the end, and each primary has a
    replica. A run that finds them so changes nothing. A server that lost its volume becomes a
    replica of the primary that took over."""
    hosts = make_hosts(6)
    hosts.servers[0].tell("CLUSTER", "ADDSLOTSRANGE", 0, 5460)
    for step in (
        f"cluster meet {ADDRESSES[3]}",
        "cluster addslotsrange 5461",
        "cluster addslotsrange 10923",
        f"{ADDRESSES[3]} cluster replicate",
        f"{ADDRESSES[4]} cluster replicate",
    ):
        assert hosts.run_job(dies_at=step).returncode == -signal.SIGKILL, step
    assert hosts.run_job().returncode == 0
    until(lambda: all(is_well(server.tell, len(ADDRESSES)) for server in hosts.servers))
    ranges = [(first, last, len(members)) for first, last, *members in hosts.shards()]
    assert ranges == [(0, 5460, 2), (5461, 10_922, 2), (10_923, 16_383, 2)]
    again = hosts.run_job(dies_at="cluster meet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    lost = hosts.servers[1]
    lost.kill()
    until(lambda: all(members[0][0] != lost.address.encode() for _, _, *members in hosts.shards()))
    shutil.rmtree(lost.folder)
    lost.folder.mkdir()
    lost.start()
    assert hosts.run_job().returncode == 0
    until(lambda: all(len(members) == 2 for _, _, *members in hosts.shards()))
    assert lost.tell("ROLE")[0] == b"slave"


def test_primaries_are_spread_again_after_a_failover(make_hosts: Callable[..., Hosts]) -> None:
    """Two of three primaries are on one host until the replica on the host that has none takes
    over."""
    servers = make_hosts(3, ports=2).servers
    primaries = servers[:3]
    replicas = [servers[4], servers[5], servers[3]]
    for slots, server in zip(((0, 5460), (5461, 10_922), (10_923, 16_383)), primaries, strict=True):
        server.tell("CLUSTER", "ADDSLOTSRANGE", *slots)
    for number, server in enumerate(servers, 1):
        server.tell("CLUSTER", "SET-CONFIG-EPOCH", number)
    for server in servers[1:]:
        servers[0].tell("CLUSTER", "MEET", server.address, server.port)
    until(lambda: all(len(known(server.tell)) == len(servers) for server in servers))
    for primary, replica in zip(primaries, replicas, strict=True):
        replica.tell("CLUSTER", "REPLICATE", primary.tell("CLUSTER", "MYID"))
    until(lambda: all(is_well(server.tell, len(servers)) for server in servers))
    before = failovers(servers)
    replicas[0].tell("CLUSTER", "FAILOVER")
    until(lambda: failovers(servers) == before + 2)
    until(lambda: all(is_primary(server.tell) for server in primaries))
