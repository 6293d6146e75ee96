"""A PostgreSQL server on each host: a primary, and standbys one of which must have each commit.

`Databases.fail_over` stands in for Patroni: it promotes the standby that has most, and lets the
others follow it. It does not reach a primary that is cut off, and does not have to: that one
answers no commit.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import psycopg

from fleet.engines.binaries import postgres_program
from fleet.engines.postgres import make_cluster, server_command
from fleet.engines.unprivileged import choose_disguise
from tests.fixtures.servers import TESTER, Server
from tests.hosts.hosts import Host, Network

PORT: Final = 5432
PATIENCE_SECONDS: Final = 60.0
_SETTINGS: Final = {
    "synchronous_standby_names": "ANY 1 (*)",
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
    "wal_keep_size": "512MB",
    "log_statement": "none",
}


class Node(Server):
    """The server of one host; it is there with its host."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.data = folder / "postgres"
        disguise = choose_disguise(postgres_program("postgres"), folder)
        command = server_command(
            self.data, PORT, disguise, None, **{**_SETTINGS, "listen_addresses": host.address}
        )
        super().__init__(lambda: host.start(command, folder, "postgres.log"), self.is_up)

    @property
    def url(self) -> str:
        return (
            f"postgresql://{TESTER.name}:{TESTER.password}@{self.host.address}:{PORT}/{TESTER.name}"
        )

    def is_up(self) -> bool:
        try:
            self.ask("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, query: str) -> object:
        """One value. Raises psycopg.OperationalError."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else None

    @property
    def received(self) -> int:
        """How much of the log it has."""
        return int(str(self.ask("SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint")))

    def promote(self) -> None:
        (self.data / "promote").touch()
        self.process.send_signal(signal.SIGUSR1)

    def follow(self, primary: "Node") -> None:
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{_conninfo(primary)}'\n")
        self.process.send_signal(signal.SIGHUP)


def _conninfo(primary: Node) -> str:
    return (
        f"host={primary.host.address} port={PORT} user={TESTER.name} password={TESTER.password}"
        f" application_name=standby connect_timeout=2"
    )


class Databases:
    """Of the first host at first."""

    def __init__(self, network: Network, hosts: list[Host], folder: Path) -> None:
        self._folder = folder
        self._hosts = hosts
        first = hosts[0]
        place = self._make_folder(first)
        make_cluster(place / "postgres", [TESTER])
        with (place / "postgres" / "pg_hba.conf").open("a") as rules:
            for what in ("all", "replication"):
                rules.write(f"host {what} {TESTER.name} {network.range} scram-sha-256\n")
        self.primary = Node(first, place)
        self.nodes = {first: self.primary}
        for host in hosts[1:]:
            self.add_standby(host)

    def make_database(self, name: str) -> str:
        """Its URL, which names all hosts."""
        self.primary.ask("SELECT 1")
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        places = ",".join(f"{host.address}:{PORT}" for host in self._hosts)
        return f"postgresql://{TESTER.name}:{TESTER.password}@{places}/{name}"

    def add_standby(self, host: Host) -> None:
        """Anew, with a copy of the primary's data: what it had may be more than that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        place = self._make_folder(host)
        while not self._copy(host, place):  # its link may have come up just now
            assert time.monotonic() < deadline, "the primary's data cannot be copied"
            time.sleep(0.5)
            place = self._make_folder(host)
        (place / "postgres" / "standby.signal").touch()
        with (place / "postgres" / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{_conninfo(self.primary)}'\n")
        self.nodes[host] = Node(host, place)

    def _copy(self, host: Host, place: Path) -> bool:
        disguise = choose_disguise(postgres_program("postgres"), place)
        done = subprocess.run(
            [
                *host.prefix, *disguise.prefix, postgres_program("pg_basebackup"), "--pgdata",
                place / "postgres", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
                "--host", self.primary.host.address, "--port", str(PORT), "--username", TESTER.name,
            ],
            env={**os.environ, "PGPASSWORD": TESTER.password, "PGCONNECT_TIMEOUT": "5"},
            check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        return done.returncode == 0

    def fail_over(self) -> None:
        """The standby that has most is the primary now."""
        lost = self.primary
        standbys = [node for node in self.nodes.values() if node is not lost and node.is_up()]
        self.primary = max(standbys, key=lambda node: node.received)
        self.primary.promote()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.primary.ask("SELECT pg_is_in_recovery()"):
            assert time.monotonic() < deadline, "the standby is not promoted"
            time.sleep(0.05)
        for node in standbys:
            if node is not self.primary:
                node.follow(self.primary)

    def _make_folder(self, host: Host) -> Path:
        number = len(list(self._folder.glob(f"postgres-{host.number}-*")))
        place = self._folder / f"postgres-{host.number}-{number}"
        place.mkdir()
        return place
