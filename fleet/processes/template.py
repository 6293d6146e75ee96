"""`python -m fleet.processes.template`: a process that has loaded all services and serves nothing.
It forks services, so that they share the memory of what it loaded.

It never receives a credential, since later forks inherit its memory: a service's environment goes
directly to the process that serves. Knows how to become a service; the named package knows what the
service is.
"""

import ctypes
import gc
import hmac
import importlib
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from common.process.given_back import give_back_code, give_back_free_memory
from common.process.logs import set_levels
from common.process.variables import declared_variables
from fleet.processes.children import PR_SET_PDEATHSIG

# What every service loads, then what each loads in addition.
SHARED: Final = ("common.process.service", "common.valkey.valkey")
DATABASE: Final = ("common.database.migrations", "common.database.pool")
WEB: Final = ("common.process.slow_readers",)
SERVICES: Final = {
    "edge": WEB, "realtime": (), "files": WEB, "users": DATABASE, "chats": DATABASE,
}  # fmt: skip
SETTINGS: Final = ("common.process.settings", *(f"{service}.settings" for service in SERVICES))
PROJECT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("common", *SERVICES)
MAX_MESSAGE_BYTES: Final = 1 << 16  # names of variables; a role and numbers
MAX_DESCRIPTORS: Final = 64
ADOPTION_SECONDS: Final = 10.0
ARG_START, ARG_END = 45, 46  # fields of proc_pid_stat(5) after the name


def main() -> str:
    """The arguments are the fleet's pid, the channel to it, and descriptors that services keep.
    Returns, in each forked process, what it is to serve; the template ends with the fleet."""
    fleet, number, *kept = map(int, sys.argv[1:])
    registered = load_services()
    _warm_up()
    # Garbage collection writes to every object that it visits, and would unshare them all.
    gc.collect()
    gc.freeze()
    if sys.version_info < (3, 12):
        # The type cache counts references to names: each look-up that replaces one would write to
        # its page.
        sys._clear_type_cache()
    give_back_code()
    give_back_free_memory()
    channel = socket.socket(fileno=number)
    channel.send(json.dumps(variables_read()).encode())
    while True:
        data, received, _, _ = socket.recv_fds(channel, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS)
        if not data:
            os._exit(0)
        if (middle := os.fork()) == 0:
            # Forks twice, so that the process becomes the fleet's child instead of this one's.
            if os.fork() != 0:
                os._exit(0)
            channel.close()  # only here: services must not read from it
            role = _become(json.loads(data), received, fleet, set(kept))
            registered.take(role)
            return role
        for descriptor in received:
            os.close(descriptor)
        os.waitpid(middle, 0)


def load_services() -> "Registered":
    for module in SHARED:
        importlib.import_module(module)
    registered = Registered()
    for service, others in SERVICES.items():
        for module in (*others, f"{service}.__main__"):
            registered.load(module)
    return registered


def variables_read() -> list[str]:
    """The names of the environment variables that the loaded services read, in order."""
    return sorted(
        {
            variable.name
            for module in SETTINGS
            for value in vars(sys.modules[module]).values()
            if isinstance(value, type) and issubclass(value, Struct)
            for variable in declared_variables(value)
        }
    )


class Registered:
    """Metrics are created when modules are loaded. Each service gets only those of the modules that
    it loads itself, not those of other services loaded here."""

    def __init__(self) -> None:
        self._made: dict[str, list[Collector]] = {}
        self._register = REGISTRY.register

    def load(self, module: str) -> None:
        """A module that is already loaded registers nothing."""
        made = self._made.setdefault(module, [])
        REGISTRY.register = made.append  # type: ignore[assignment, method-assign]
        try:
            importlib.import_module(module)
        finally:
            REGISTRY.register = self._register  # type: ignore[method-assign]

    def take(self, role: str) -> None:
        """Registers what the role's modules created in this process."""
        for module in (*SERVICES.get(role, ()), f"{role}.__main__"):
            for collector in self._made.get(module, ()):
                REGISTRY.register(collector)


def _warm_up() -> None:
    """Builds what is the same in each process: what edge's application needs, what each of the
    three copies of OpenSSL loads on first use (3 MB), and the levels of loggers."""
    importlib.import_module("edge.app").warm_up()
    importlib.import_module("common.database.pool").warm_up()
    hmac.digest(b"", b"", "sha256")
    set_levels()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key.public_key().verify(key.sign(b""), b"")


def _become(request: dict[str, Any], received: list[int], fleet: int, kept: set[int]) -> str:
    """Removes what fork leaves of the template. The first two received descriptors are the
    connection to the requester, which sends the environment, and the destination of its output."""
    os.setsid()
    _wait_for_adoption(fleet)
    # As in fleet.processes.children: it never outlives its parent.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != fleet:
        os._exit(1)
    with socket.socket(fileno=received[0]) as line:
        line.send(str(os.getpid()).encode())
        with line.makefile("rb") as file:
            environment = file.read()
    if not environment:  # the requester has given up
        os._exit(1)
    _place(received[1], received[2:], request["descriptors"], kept)
    os.environ.clear()
    os.environ.update(json.loads(environment))
    role: str = request["role"]
    sys.argv[:] = [role]
    _call_itself(sys.executable, "-m", role)
    return role


def _wait_for_adoption(fleet: int) -> None:
    until = time.monotonic() + ADOPTION_SECONDS
    while os.getppid() != fleet and time.monotonic() < until:
        time.sleep(0.0005)


def _place(output: int, received: list[int], wanted: list[int], kept: set[int]) -> None:
    """Gives descriptors the numbers that they have in the fleet, and closes others."""
    top = max([*wanted, *kept, *received, output]) + 1
    parked = [os.dup2(number, top + place) for place, number in enumerate([output, *received])]
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(parked[0], 1)
    os.dup2(parked[0], 2)
    for number in range(3, top):
        if number not in kept:
            _close(number)
    for number, place in zip(wanted, parked[1:], strict=True):
        os.dup2(place, number)
    os.closerange(top, top + len(parked))


def _close(number: int) -> None:
    with suppress(OSError):  # it was not open
        os.close(number)


def _call_itself(*words: str) -> None:
    """Sets the name in `ps`. The kernel shows the memory where the arguments were."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[ARG_START]), int(fields[ARG_END])
    text = "\0".join(words).encode()
    ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    importlib.import_module(f"{main()}.__main__").main()
