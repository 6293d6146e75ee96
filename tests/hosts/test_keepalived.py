"""Two balancers with one shared address, managed by keepalived as deploy/hosts/address starts it:
the address is on the balancer that works, and moves only if it must."""

import contextlib
import http.client
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from fleet.engines.binaries import haproxy_program
from fleet.processes.children import spawn
from tests.hosts.hosts import ROOT, CannotMakeHosts, run_ip

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

PATIENCE_SECONDS: Final = 60.0
CALM_SECONDS: Final = 6.0  # four times the duration of an election
PORT: Final = 8000


class Pair:
    """Two hosts and this one on a bridge in its own namespace."""

    def __init__(self, folder: Path) -> None:
        number = os.getpid() % 10_000
        self.name = f"ka{number}"
        network = f"10.78.{number % 250}"
        self.addresses = [f"{network}.{place}" for place in (1, 2)]
        self.shared = f"{network}.100"
        self.places: list[Place] = []
        (folder / "balancer.key").write_text(secrets.token_hex(16))
        run_ip("netns", "add", self.name)
        self._ends = contextlib.ExitStack()
        self._ends.callback(run_ip, "netns", "del", self.name)
        run_ip("-n", self.name, "link", "add", "bridge", "type", "bridge")
        run_ip("-n", self.name, "link", "set", "bridge", "up")
        here = f"{self.name}o"
        self.plug_in(f"{self.name}p", here)
        run_ip("addr", "add", f"{network}.254/24", "dev", here)
        run_ip("link", "set", here, "up")
        for address in self.addresses:
            self.places.append(Place(self, folder, address))
            self._ends.callback(self.places[-1].remove)

    def plug_in(self, port: str, other_end: str) -> None:
        run_ip("link", "add", port, "type", "veth", "peer", "name", other_end)
        run_ip("link", "set", port, "netns", self.name)
        run_ip("-n", self.name, "link", "set", port, "master", "bridge")
        run_ip("-n", self.name, "link", "set", port, "up")

    @property
    def holders(self) -> list["Place"]:
        """The places with the address; one that is cut off may also think that it has it."""
        return [place for place in self.places if not place.is_cut and place.has_address]

    def answers(self) -> bool:
        connection = http.client.HTTPConnection(self.shared, PORT, timeout=0.5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 503  # no edge is running
        except OSError:
            return False
        finally:
            connection.close()

    def until_it_is_at(self, wanted: "Place") -> float:
        """Waits until only this place has the address; returns how long it took."""
        return until(lambda: self.holders == [wanted] and self.answers())

    def close(self) -> None:
        self._ends.close()


class Place:
    """A host with a balancer and keepalived."""

    def __init__(self, pair: Pair, folder: Path, address: str) -> None:
        self._pair, self._secrets, self.address = pair, folder, address
        place = address.rpartition(".")[2]
        self._name = f"{pair.name}-{place}"
        self._port, self._inner = f"{pair.name}p{place}", f"{pair.name}i{place}"
        self._folder = folder / place
        self._folder.mkdir()
        self.is_cut = False
        run_ip("netns", "add", self._name)
        pair.plug_in(self._port, self._inner)
        run_ip("link", "set", self._inner, "netns", self._name)
        run_ip("-n", self._name, "addr", "add", f"{address}/24", "dev", self._inner)
        for link in ("lo", self._inner):
            run_ip("-n", self._name, "link", "set", link, "up")
        self.start()

    def start(self) -> None:
        self.start_balancer()
        self._keeper = self._run("address", f"{self._pair.shared}/24", self._inner)

    def start_balancer(self) -> None:
        self.balancer = self._run("balancer", f":{PORT}")
        until((self._folder / "metrics.sock").exists)

    def _run(self, script: str, *words: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HERE": self.address,
            "HOSTS": self.address,
            "BALANCERS": " ".join(self._pair.addresses),
            "SECRETS": str(self._secrets),
            "RUN": str(self._folder),
            "OWN": str(self._folder / "own"),
            "HAPROXY": str(haproxy_program()),
        }
        with (self._folder / f"{script}.log").open("ab") as output:
            return spawn(
                ["ip", "netns", "exec", self._name, ROOT / "deploy/hosts" / script, *words],
                env=environment, cwd=self._folder, output=output,
            )  # fmt: skip

    @property
    def has_address(self) -> bool:
        return f" {self._pair.shared}/" in run_ip("-n", self._name, "-o", "addr", "show")

    def stop_balancer(self) -> None:
        """Both processes of the balancer hang."""
        for pid in run_ip("netns", "pids", self._name).split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "haproxy":
                os.kill(int(pid), signal.SIGSTOP)

    def kill_balancer(self) -> None:
        self.balancer.kill()
        self.balancer.wait()

    def kill(self) -> None:
        """All its processes; a dead host has no link."""
        self.is_cut = True
        run_ip("-n", self._pair.name, "link", "set", self._port, "down")
        for pid in run_ip("netns", "pids", self._name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self.balancer.wait()
        self._keeper.wait()

    def start_again(self) -> None:
        """As after a power failure: only with its own address."""
        with contextlib.suppress(CannotMakeHosts):
            run_ip("-n", self._name, "addr", "del", f"{self._pair.shared}/24", "dev", self._inner)
        run_ip("-n", self._pair.name, "link", "set", self._port, "up")
        (self._folder / "metrics.sock").unlink()
        self.is_cut = False
        self.start()

    def remove(self) -> None:
        self.kill()
        run_ip("netns", "del", self._name)


def until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE_SECONDS, "it does not happen"
        time.sleep(0.05)
    return time.monotonic() - started


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    if shutil.which("keepalived") is None:
        pytest.fail("there is no keepalived: .ci/keepalived installs it", pytrace=False)
    if os.geteuid() != 0:
        pytest.fail("only root may make network namespaces", pytrace=False)
    made = Pair(tmp_path)
    yield made
    made.close()


def test_the_address_moves_to_the_balancer_that_lives(pair: Pair) -> None:
    """A host dies; it returns and does not take the address back; a balancer is killed; one hangs.
    Each time there is one holder, which answers."""
    until(lambda: len(pair.holders) == 1 and pair.answers())
    (first,) = pair.holders
    (other,) = [place for place in pair.places if place is not first]
    took = {}

    first.kill()
    took["host killed"] = pair.until_it_is_at(other)
    first.start_again()
    time.sleep(CALM_SECONDS)
    assert pair.holders == [other]

    other.kill_balancer()
    took["balancer killed"] = pair.until_it_is_at(first)
    other.start_balancer()
    time.sleep(CALM_SECONDS)
    assert pair.holders == [first]

    first.stop_balancer()
    took["balancer hangs"] = pair.until_it_is_at(other)
    print({what: round(seconds, 1) for what, seconds in took.items()})
