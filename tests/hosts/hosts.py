"""Hosts for one test: namespaces on a bridge, each with an address, processes and files.

Needs root. The bridge is in its own namespace, where no firewall rule of this machine applies.
Links are cut both ways by taking them down, and one way by sending to an address that no host has.
A host sees the files of this machine; its changes in /etc, /usr/lib and /usr/local/bin are private
to it, as are /run, /var/lib and /var/log. This checkout is its /opt/hubbub.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from fleet.processes.children import spawn
from tests.hosts.wire import READY, stop_offloading

ROOT: Final = Path(__file__).parents[2]
NOBODY: Final = "02:00:00:00:00:99"
OUTSIDE: Final = 254  # the host number of the test itself
START_SECONDS: Final = 60.0
COMMAND_SECONDS: Final = 180.0
# The first process of a host. Arguments: the folder for its files, the checkout, the installation
# of Python, which may be in a home that others cannot read, and the Python to run.
_BEGIN: Final = """
set -e
mount -t tmpfs none "$0"/layers
for place in etc usr/lib usr/local/bin; do
    mkdir -p "$0/layers/$place/upper" "$0/layers/$place/work"
    mount -t overlay none -o "lowerdir=/$place,upperdir=$0/layers/$place/upper,workdir=$0/layers/$place/work" "/$place"
done
for place in lib log; do mount --bind "$0/$place" "/var/$place"; done
mount -t tmpfs none /opt
mkdir /opt/hubbub
mount --bind "$1" /opt/hubbub
mkdir "$0/layers/python"
mount --bind "$2" "$0/layers/python"
top=${2#/} && top=/${top%%/*}
if [ "$top" != /usr ]; then
    mount -t tmpfs -o mode=755 none "$top"
    mkdir -p "$2"
    mount --bind "$0/layers/python" "$2"
fi
mount -t tmpfs -o mode=755 none /run
touch "$0/begun"
exec "$3" -c 'import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True: signal.pause()'  # nobody else waits for what has ended
"""  # noqa: E501


class CannotMakeHosts(Exception):
    """The machine or the user lacks something; the text says what."""


def run_ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMakeHosts(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    """A namespace with one link."""

    def __init__(self, network: "Network", number: int, folder: Path) -> None:
        self.number = number
        self.name = f"{network.name}-{number}"
        self.address = network.address(number)
        self.folder = folder
        self._network = network
        self._port, inner = f"{network.name}p{number}", f"{network.name}i{number}"
        self._inner = inner
        self._wire: subprocess.Popen[str] | None = None
        run_ip("netns", "add", self.name)
        network.plug_in(self._port, inner)
        run_ip("link", "set", inner, "netns", self.name)
        run_ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", inner)
        for link in ("lo", inner):
            run_ip("-n", self.name, "link", "set", link, "up")
        for part in ("layers", "lib", "log"):
            (folder / part).mkdir(parents=True)
        with (folder / "begin.log").open("wb") as output:
            self._holder = spawn(
                [
                    "ip", "netns", "exec", self.name, "unshare", "--mount", "--propagation",
                    "private", "--pid", "--fork", "--mount-proc", "--kill-child",
                    "sh", "-c", _BEGIN, folder, ROOT, sys.base_prefix, sys.executable,
                ],
                env=os.environ, cwd=folder, output=output,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "begun").exists():
            if self._holder.poll() is not None or time.monotonic() > deadline:
                raise CannotMakeHosts((folder / "begin.log").read_text())
            time.sleep(0.01)
        self._first = next(pid for pid in self._pids() if _inner_pid(pid) == 1)

    @property
    def prefix(self) -> list[str]:
        """The beginning of a command line that runs a command on the host."""
        return ["nsenter", f"--target={self._first}", "--net", "--mount", "--pid"]

    def run(self, script: str, **environment: str) -> str:
        """Runs shell commands on the host and returns their output. Raises AssertionError if they
        fail."""
        done = subprocess.run(
            [*self.prefix, "sh", "-c", f"set -eu; cd /\n{script}"],
            env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=COMMAND_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"at {self.address}: {script}: {done.stdout}"
        return done.stdout

    def kill(self) -> None:
        """Kills everything on it at once; its files stay."""
        while pids := [pid for pid in self._pids() if pid not in (self._first, self._holder.pid)]:
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in pids:
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        continue
            time.sleep(0.01)
        self.run("rm -rf /run/*")

    def _pids(self) -> list[int]:
        return [int(pid) for pid in run_ip("netns", "pids", self.name).split()]

    def cut(self) -> None:
        """Nothing arrives or leaves."""
        run_ip("-n", self._network.name, "link", "set", self._port, "down")

    def join(self) -> None:
        run_ip("-n", self._network.name, "link", "set", self._port, "up")

    def cut_sending(self) -> None:
        """What the others send still arrives."""
        for other in self._network.numbers:
            if other != self.number:
                self._point(other, NOBODY)

    def join_sending(self) -> None:
        run_ip("-n", self.name, "neigh", "flush", "all", "nud", "permanent")

    def take(self, address: str) -> None:
        """Adds an address, such as a service address that moves between hosts."""
        run_ip("-n", self.name, "addr", "add", f"{address}/24", "dev", self._inner)

    def drop(self, address: str) -> None:
        run_ip("-n", self.name, "addr", "del", f"{address}/24", "dev", self._inner)

    def slow_down(self, seconds: float) -> None:
        """Delays everything it sends by so long."""
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
        os.kill(self._first, signal.SIGKILL)  # and all others with it
        self._holder.wait()
        run_ip("netns", "del", self.name)

    def stop_offloading(self) -> None:
        """Frames leave it as they are on a wire."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, sys.executable, "-c",
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


def _inner_pid(pid: int) -> int:
    """The pid of a process in its own namespace."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has exited
        return 0
    return int(next(line.split()[-1] for line in lines if line.startswith("NSpid:")))


class Network:
    """A bridge with the test attached. Raises CannotMakeHosts."""

    def __init__(self, hosts: int, folder: Path) -> None:
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
        self.hosts: list[Host] = []
        for each in range(1, hosts + 1):
            self.hosts.append(Host(self, each, folder / f"host-{each}"))

    def stop_offloading(self) -> None:
        """On all links, since each leads to the others."""
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
        """Adds a link whose other end is still in this namespace."""
        run_ip("link", "add", port, "type", "veth", "peer", "name", other_end)
        run_ip("link", "set", port, "netns", self.name)
        run_ip("-n", self.name, "link", "set", port, "master", "bridge")
        run_ip("-n", self.name, "link", "set", port, "up")

    def forget(self, address: str) -> None:
        """Another host may have the address from now on; the one that takes it announces that to
        all."""
        run_ip("neigh", "flush", "to", address)

    def address(self, number: int) -> str:
        return f"{self._prefix}.{number}"

    def remove(self) -> None:
        for host in self.hosts:
            host.remove()
        run_ip("netns", "del", self.name)
