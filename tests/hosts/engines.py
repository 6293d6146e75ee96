"""The state of the engines on three hosts, as reported by Patroni and by the Valkey servers."""

import ssl
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import redis

from tests.fixtures.cluster import is_primary, is_well
from tests.hosts.hosts import Host

PATIENCE_SECONDS: Final = 120.0
PATRONI_PORT: Final = 8008
ETCD_PORT: Final = 2379
ETCD_BEHIND: Final = 10  # entries of its log: Patroni writes a few each second
VALKEY_PORTS: Final = (6379, 6380)
ASK_SECONDS: Final = 2.0
ROUND_SECONDS: Final = 4.0  # longer than a round of Patroni's checks of its servers


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.1)


class Databases:
    """PostgreSQL on each host, run by Patroni, which uses etcd. With TLS the hosts' certificates
    are next to that of the CA."""

    def __init__(self, hosts: Sequence[Host], ca: Path | None) -> None:
        self._hosts = hosts
        self._scheme = "https" if ca else "http"
        self._tls = ssl.create_default_context(cafile=ca) if ca else None
        if ca and self._tls:
            own = ca.parent / hosts[0].address
            self._tls.load_cert_chain(f"{own}.pem", f"{own}.key")

    @property
    def primary(self) -> Host:
        """Raises StopIteration if no host reports to be it."""
        return next(host for host in self._hosts if self._role(host) == "primary")

    def cluster(self) -> list[dict[str, Any]]:
        """What the primary's Patroni reports about each member."""
        return list(self._ask(self.primary, "cluster").get("members", []))

    def until_primary(self, *, but: Host) -> None:
        """Waits until another host accepts writes."""
        others = [host for host in self._hosts if host is not but]
        until(lambda: any(self._role(host) == "primary" for host in others), "a primary")

    def until_well(self) -> None:
        """Waits for a primary with two streaming standbys, one of which must confirm each commit,
        and a healthy etcd on each host. The state must last, since Patroni may be about to remove a
        standby that was briefly away."""

        def stays_well() -> bool:
            ends = time.monotonic() + ROUND_SECONDS
            while self._is_well() and self._etcd_is_well():
                if time.monotonic() > ends:
                    return True
                time.sleep(0.2)
            return False

        until(stays_well, "PostgreSQL is well on three hosts")

    def _is_well(self) -> bool:
        roles = sorted(self._role(host) for host in self._hosts)
        if roles != ["primary", "replica", "replica"]:
            return False
        found = sorted((one["role"], one["state"]) for one in self.cluster())
        return found == [("leader", "running"), *[("quorum_standby", "streaming")] * 2]

    def _role(self, host: Host) -> str:
        said = self._ask(host, "health")
        return str(said.get("role", "")) if said.get("state") in ("running", "streaming") else ""

    def _etcd_is_well(self) -> bool:
        """All have the same leader, and its log: a member that was cut off takes seconds to catch
        up, and until then does not count for a majority."""
        said = [self._ask(host, "v3/maintenance/status", ETCD_PORT, b"{}") for host in self._hosts]
        if not all(one.get("leader") for one in said) or len({one["leader"] for one in said}) > 1:
            return False
        reached = [int(one["raftIndex"]) for one in said]
        return max(reached) - min(reached) <= ETCD_BEHIND

    def _ask(
        self, host: Host, path: str, port: int = PATRONI_PORT, data: bytes | None = None
    ) -> dict[str, Any]:
        """Empty if there is no answer."""
        url = f"{self._scheme}://{host.address}:{port}/{path}"
        try:
            with urllib.request.urlopen(  # noqa: S310 - a host of this test
                url, data=data, timeout=ASK_SECONDS, context=self._tls
            ) as answer:
                return dict(msgspec.json.decode(answer.read()))
        except OSError:
            return {}


class Bus:
    """Two servers of a Valkey cluster on each host."""

    def __init__(self, hosts: Sequence[Host], password: str, ca: Path | None) -> None:
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(ca)} if ca else {}
        self._servers = [
            redis.Redis(
                host=host.address, port=port, username="admin", password=password, protocol=2,
                socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS, **tls,
            )
            for host in hosts
            for port in VALKEY_PORTS
        ]  # fmt: skip

    def until_up(self) -> None:
        """Waits until all answer."""
        until(self._is_up, "six servers of Valkey")

    def until_well(self) -> None:
        """Waits until all know each other, each shard has a connected replica, and each host has
        one primary, so that any of them may be lost next."""
        until(self._is_well, "the servers of Valkey are a cluster, with a primary on each host")

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
            primaries = [is_primary(one.execute_command) for one in self._servers]
            of_each_host = zip(primaries[::2], primaries[1::2], strict=True)
            return all(one != other for one, other in of_each_host) and all(
                is_well(one.execute_command, len(self._servers)) for one in self._servers
            )
        except redis.RedisError:
            return False
