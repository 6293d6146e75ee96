"""What the engines of three hosts say about themselves: Patroni, and the servers of Valkey."""

import ssl
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import redis

from tests.fixtures.cluster import is_well
from tests.hosts.hosts import Host

PATIENCE_SECONDS: Final = 120.0
PATRONI_PORT: Final = 8008
VALKEY_PORTS: Final = (6379, 6380)
ASK_SECONDS: Final = 2.0
ROUND_SECONDS: Final = 4.0  # what Patroni does when it looks after its servers takes less


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.1)


class Databases:
    """PostgreSQL on each host, run by Patroni."""

    def __init__(self, hosts: Sequence[Host], ca: Path | None) -> None:
        self._hosts = hosts
        self._scheme = "https" if ca else "http"
        self._tls = ssl.create_default_context(cafile=ca) if ca else None

    @property
    def primary(self) -> Host:
        """Raises StopIteration where nobody says that it is."""
        return next(host for host in self._hosts if self._role(host) == "primary")

    def until_primary(self, *, but: Host) -> None:
        """Somebody else takes writes."""
        others = [host for host in self._hosts if host is not but]
        until(lambda: any(self._role(host) == "primary" for host in others), "a primary")

    def until_apart(self) -> None:
        """etcd's leader is at another host than the primary."""
        until(lambda: not _leads_etcd(self.primary), "etcd's leader has left the primary's host")

    def until_well(self) -> None:
        """A primary, and two standbys that follow it and of which one must have each commit.
        Patroni may be about to strike out one that was away a moment ago."""

        def stays_well() -> bool:
            ends = time.monotonic() + ROUND_SECONDS
            while self._is_well():
                if time.monotonic() > ends:
                    return True
                time.sleep(0.2)
            return False

        until(stays_well, "PostgreSQL is well on three hosts")

    def _is_well(self) -> bool:
        roles = sorted(self._role(host) for host in self._hosts)
        if roles != ["primary", "replica", "replica"]:
            return False
        members = self._ask(self.primary, "cluster").get("members", [])
        found = sorted((one["role"], one["state"]) for one in members)
        return found == [("leader", "running"), *[("quorum_standby", "streaming")] * 2]

    def _role(self, host: Host) -> str:
        said = self._ask(host, "health")
        return str(said.get("role", "")) if said.get("state") in ("running", "streaming") else ""

    def _ask(self, host: Host, path: str) -> dict[str, Any]:
        """Empty where nothing is said."""
        url = f"{self._scheme}://{host.address}:{PATRONI_PORT}/{path}"
        try:
            with urllib.request.urlopen(  # noqa: S310 - of a host of this test
                url, timeout=ASK_SECONDS, context=self._tls
            ) as answer:
                return dict(msgspec.json.decode(answer.read()))
        except OSError:
            return {}


def _leads_etcd(host: Host) -> bool:
    said = host.run(
        """
        . /etc/hubbub/hosts.env
        if [ -n "${TLS:-}" ]; then
            set -- --cacert "$TLS/ca.pem" --cert "$TLS/$HERE.pem" --key "$TLS/$HERE.key"
        fi
        curl -fsS "$@" -d '{}' "http${TLS:+s}://$HERE:2379/v3/maintenance/status"
        """
    )
    status = msgspec.json.decode(said)
    return bool(status["header"]["member_id"] == status["leader"])


class Bus:
    """Two servers of a Valkey cluster on each host."""

    def __init__(self, hosts: Sequence[Host], password: str, ca: Path | None) -> None:
        tls = {"ssl": True, "ssl_ca_certs": str(ca)} if ca else {}
        self._servers = [
            redis.Redis(
                host=host.address, port=port, username="admin", password=password, protocol=2,
                socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS, **tls,
            )
            for host in hosts
            for port in VALKEY_PORTS
        ]  # fmt: skip

    def until_up(self) -> None:
        """All answer."""
        until(self._is_up, "six servers of Valkey")

    def until_well(self) -> None:
        """Everybody knows everybody, and each shard has a linked replica."""
        until(self._is_well, "the servers of Valkey are a cluster again")

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def _is_up(self) -> bool:
        try:
            return all(one.ping() for one in self._servers)
        except redis.RedisError:
            return False

    def _is_well(self) -> bool:
        try:
            return all(is_well(one.execute_command, len(self._servers)) for one in self._servers)
        except redis.RedisError:
            return False
