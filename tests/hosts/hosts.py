"""Hosts of a test's own: network namespaces on a bridge, each with an address and its processes.

Needs root. The bridge is in a namespace of its own, where no rule of this machine's filters. Links
are cut both ways by taking them down, and one way by sending to an address that nobody has.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fleet.processes.children import spawn
from tests.hosts.wire import READY, stop_offloading

ROOT: Final = Path(__file__).parents[2]
NOBODY: Final = "02:00:00:00:00:99"
OUTSIDE: Final = 254  # where the test itself is


class CannotMakeHosts(Exception):
    """The machine, or who runs this, may not; the text says what is missing."""


def run_ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMakeHosts(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    """A namespace with one link."""

    def __init__(self, network: "Network", number: int) -> None:
        self.number = number
        self.name = f"{network.name}-{number}"
        self.address = network.address(number)
        self._network = network
        self._port, inner = f"{network.name}p{number}", f"{network.name}i{number}"
        self._inner = inner
        self._started: list[subprocess.Popen[bytes]] = []
        self._wire: subprocess.Popen[str] | None = None
        run_ip("netns", "add", self.name)
        network.plug_in(self._port, inner)
        run_ip("link", "set", inner, "netns", self.name)
        run_ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", inner)
        for link in ("lo", inner):
            run_ip("-n", self.name, "link", "set", link, "up")

    @property
    def prefix(self) -> list[str]:
        """A command that runs another one there."""
        return ["ip", "netns", "exec", self.name]

    def start(
        self, command: list[str | Path], folder: Path, log: str, env: Mapping[str, str] = os.environ
    ) -> subprocess.Popen[bytes]:
        with (folder / log).open("ab") as output:
            process = spawn([*self.prefix, *command], env=env, cwd=folder, output=output)
        self._started.append(process)
        return process

    def kill(self) -> None:
        """Everything on it at once."""
        pids = [int(pid) for pid in run_ip("netns", "pids", self.name).split()]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
        for process in self._started:
            process.wait()
        self._started.clear()

    def cut(self) -> None:
        """Nothing comes or goes."""
        run_ip("-n", self._network.name, "link", "set", self._port, "down")

    def join(self) -> None:
        run_ip("-n", self._network.name, "link", "set", self._port, "up")

    def cut_sending(self) -> None:
        """What the others say still comes."""
        for other in self._network.numbers:
            if other != self.number:
                self._point(other, NOBODY)

    def join_sending(self) -> None:
        run_ip("-n", self.name, "neigh", "flush", "all", "nud", "permanent")

    def take(self, address: str) -> None:
        """An address beside its own, as of a service that may be at one host or another."""
        run_ip("-n", self.name, "addr", "add", f"{address}/24", "dev", self._inner)

    def drop(self, address: str) -> None:
        run_ip("-n", self.name, "addr", "del", f"{address}/24", "dev", self._inner)

    def slow_down(self, seconds: float) -> None:
        """What it sends takes so long."""
        self._network.stop_offloading()
        near, plug = f"{self._network.name}s{self.number}", f"{self._network.name}t{self.number}"
        self._network.plug_in(plug, near)
        run_ip("link", "set", near, "netns", self._network.name)
        run_ip("-n", self._network.name, "link", "set", near, "up")
        run_ip("-n", self._network.name, "link", "set", self._port, "nomaster")
        there = ["ip", "netns", "exec", self._network.name]
        words = [sys.executable, "-m", "tests.hosts.wire", self._port, near, str(seconds)]
        self._wire = subprocess.Popen([*there, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._wire.stdout is not None
        if self._wire.stdout.readline().strip() != READY:
            raise CannotMakeHosts("a raw socket for a slow wire cannot be opened")

    def speed_up(self) -> None:
        self._end_wire()
        run_ip("-n", self._network.name, "link", "set", self._port, "master", "bridge")
        run_ip("-n", self._network.name, "link", "del", f"{self._network.name}t{self.number}")

    def _end_wire(self) -> None:
        if self._wire is not None:
            with self._wire:  # its pipe too
                self._wire.kill()
            self._wire = None

    def remove(self) -> None:
        self._end_wire()
        self.kill()
        run_ip("netns", "del", self.name)

    def stop_offloading(self) -> None:
        """Frames leave it as they are on a wire."""
        done = subprocess.run(
            [*self.prefix, sys.executable, "-c",
             f"from tests.hosts.wire import stop_offloading; stop_offloading({self._inner!r})"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise CannotMakeHosts(f"offloads of a link cannot be switched off: {done.stderr}")

    def _point(self, number: int, link: str) -> None:
        address = self._network.address(number)
        run_ip(
            "-n", self.name, "neigh", "replace", address, "lladdr", link, "nud", "permanent",
            "dev", self._inner,
        )  # fmt: skip


class Network:
    """A bridge, at which the test is too. Raises CannotMakeHosts."""

    def __init__(self, hosts: int) -> None:
        number = os.getpid() % 10_000
        self.name = f"hb{number}"
        self._prefix = f"10.77.{number % 250}"
        self.numbers = [*range(1, hosts + 1), OUTSIDE]
        if os.geteuid() != 0:
            raise CannotMakeHosts("only root may make network namespaces")
        run_ip("netns", "add", self.name)
        run_ip("-n", self.name, "link", "add", "bridge", "type", "bridge")
        run_ip("-n", self.name, "link", "set", "bridge", "up")
        self._here = f"{self.name}o"
        self.plug_in(f"{self.name}p", self._here)
        run_ip("addr", "add", f"{self.address(OUTSIDE)}/24", "dev", self._here)
        run_ip("link", "set", self._here, "up")
        self.hosts = [Host(self, each) for each in range(1, hosts + 1)]

    def stop_offloading(self) -> None:
        """On all links, for all of them lead to one another."""
        stop_offloading(self._here)
        for host in self.hosts:
            host.stop_offloading()

    @property
    def range(self) -> str:
        return f"{self._prefix}.0/24"

    @property
    def outside(self) -> str:
        return self.address(OUTSIDE)

    def plug_in(self, port: str, other_end: str) -> None:
        """A link whose other end is here still."""
        run_ip("link", "add", port, "type", "veth", "peer", "name", other_end)
        run_ip("link", "set", port, "netns", self.name)
        run_ip("-n", self.name, "link", "set", port, "master", "bridge")
        run_ip("-n", self.name, "link", "set", port, "up")

    def forget(self, address: str) -> None:
        """Who has it may be another one from now on; whoever takes it says so to all."""
        run_ip("neigh", "flush", "to", address)

    def address(self, number: int) -> str:
        return f"{self._prefix}.{number}"

    def remove(self) -> None:
        for host in self.hosts:
            host.remove()
        run_ip("netns", "del", self.name)
