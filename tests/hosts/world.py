"""Hubbub on three hosts, as docs/hosts.md walks through it: on each a PostgreSQL, two servers of a
Valkey cluster and, by deploy/hosts, every service but files. The balancer stands outside, where the
people are."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from fleet.engines.binaries import haproxy_program
from fleet.processes.children import spawn
from tests.fixtures.cluster import Member, ValkeyCluster
from tests.hosts.databases import Databases
from tests.hosts.hosts import Host, Network

ROOT: Final = Path(__file__).parents[2]
HOSTS: Final = 3
BALANCERS: Final = 2  # with hosts of their own
SHARED_NUMBER: Final = 200  # of the address that one of them has
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 40.0  # a drain takes at most 22 s
PORTS: Final = {"users": 8001, "chats": 8002, "realtime": 8003, "edge": 8004}
HEALTH: Final = 100  # above the port of the service
BALANCER: Final = 8000


class World:
    """Everything is up when it is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.network = Network(HOSTS + BALANCERS)
        self.hosts, self.balancers = self.network.hosts[:HOSTS], self.network.hosts[HOSTS:]
        self._services: dict[Host, list[subprocess.Popen[bytes]]] = {}
        try:
            self.databases = Databases(self.network, self.hosts, folder)
            self._urls = {role: self.databases.make_database(role) for role in ("users", "chats")}
            self._members = [
                Member(folder / f"valkey-{place}", self._at(place).address, self._at(place).prefix)
                for place in range(2 * HOSTS)
            ]
            self.cluster = ValkeyCluster(folder, HOSTS, self._members)
            self._secrets = folder / "secrets"
            subprocess.run(
                [ROOT / "deploy/make-secrets", self._secrets], check=True, capture_output=True
            )
            for host in self.hosts:
                self.start_services(host)
            self._start_balancer()
            self.until_ready()
        except BaseException:
            self.close()
            raise

    @property
    def origin(self) -> str:
        return f"http://{self.network.outside}:{BALANCER}"

    @property
    def shared_address(self) -> str:
        """Of whichever balancer lives."""
        return self.network.address(SHARED_NUMBER)

    @property
    def shared_origin(self) -> str:
        return f"http://{self.shared_address}:{BALANCER}"

    def start_pair(self) -> None:
        """Both balancers; the first has the address."""
        for host in self.balancers:
            host.start(
                [ROOT / "deploy/hosts/balancer", f":{BALANCER}"], self._folder, os.devnull,
                self._balancer_environment(f"balancer-{host.number}"),
            )  # fmt: skip
        self.balancers[0].take(self.shared_address)
        deadline = time.monotonic() + START_SECONDS
        while not all(_is_ready(f"http://{host.address}:{BALANCER}") for host in self.balancers):
            assert time.monotonic() < deadline, "the balancers are not ready"
            time.sleep(0.1)

    def move_address(self, host: Host) -> None:
        """What VRRP does when who had it is gone."""
        host.take(self.shared_address)
        self.network.forget(self.shared_address)

    def start_services(self, host: Host) -> None:
        self._services[host] = [
            host.start(
                [ROOT / "deploy/hosts/service", role],
                ROOT,
                os.devnull,
                self._environment(host)
                | {"HUBBUB_LOG_FILE": str(self._folder / f"{role}-{host.number}.log")},
            )
            for role in PORTS
        ]

    def stop_in_order(self, host: Host) -> None:
        """As before its restart: services drain, its primaries of Valkey hand over, its database is
        stopped. If that was the primary, all that it has committed is on a standby."""
        for service in self._services[host]:
            service.terminate()
        for service in self._services[host]:
            service.wait(STOP_SECONDS)
        own = [member for place, member in enumerate(self._members) if self._at(place) is host]
        for member in own:
            if member.is_primary:
                replica = self.cluster.replica_of(member)
                replica.tell("CLUSTER", "FAILOVER")
                self.cluster.until(lambda replica=replica: replica.is_primary)
        self.databases.nodes[host].stop()
        host.kill()

    def bring_back(self, host: Host) -> None:
        """A host that was killed: an empty standby, its servers of Valkey, its services."""
        self.databases.add_standby(host)
        for place, member in enumerate(self._members):
            if self._at(place) is host:
                member.kill()  # it is dead, and nobody has asked
                member.start()
        self.cluster.until_well()
        self.start_services(host)
        self.until_ready()

    def until_ready(self) -> None:
        """Every service of every host."""
        deadline = time.monotonic() + START_SECONDS
        waiting = [
            f"http://{host.address}:{port + HEALTH}"
            for host in self.hosts
            for port in PORTS.values()
        ]
        while waiting := [url for url in waiting if not _is_ready(url)]:
            assert time.monotonic() < deadline, f"not ready: {waiting}"
            time.sleep(0.1)

    def close(self) -> None:
        self.network.remove()
        for member in getattr(self, "_members", []):
            member.close()
        if balancer := getattr(self, "_balancer", None):
            balancer.kill()
            balancer.wait()

    def _at(self, place: int) -> Host:
        """A shard's replica is not on the host of its primary."""
        return self.hosts[place % HOSTS if place < HOSTS else (place + 1) % HOSTS]

    def _environment(self, host: Host) -> dict[str, str]:
        """What deploy/hosts wants to be told."""
        return {name: value for name, value in os.environ.items() if "HUBBUB" not in name} | {
            "HERE": host.address,
            "HOSTS": " ".join(one.address for one in self.hosts),
            "SECRETS": str(self._secrets),
            "PYTHON": sys.executable,
            "HUBBUB_VALKEY_URL": self.cluster.url,
            "HUBBUB_USERS_DATABASE_URL": self._urls["users"],
            "HUBBUB_CHATS_DATABASE_URL": self._urls["chats"],
            "HUBBUB_PUBLIC_URL": self.origin,
            "HUBBUB_RATE_LIMITS": "high",
        }

    def _balancer_environment(self, name: str) -> dict[str, str]:
        return self._environment(self.hosts[0]) | {
            "RUN": str(self._folder / name),
            "HAPROXY": str(haproxy_program()),
        }

    def _start_balancer(self) -> None:
        env = self._balancer_environment("balancer")
        with (self._folder / "haproxy.log").open("wb") as output:
            self._balancer = spawn(
                [ROOT / "deploy/hosts/balancer", f"{self.network.outside}:{BALANCER}"],
                env=env, cwd=self._folder, output=output,
            )  # fmt: skip


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
