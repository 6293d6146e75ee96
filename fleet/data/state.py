"""`fleet.json`: the current processes, for other programs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fleet.data.folder import replace_file
from fleet.data.lock import lock_holder
from fleet.processes.ports import LOOPBACK

FILE_NAME = "fleet.json"
State = Literal["starting", "ready", "draining"]


class ProcessState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`started` in Unix seconds; `metrics` is the port of `GET /metrics`, if there is one. Without
    a `host` it is on this machine. `called` is its name elsewhere, `waits_for` is why it is not
    ready."""

    role: str
    number: int
    pid: int
    port: int
    metrics: int | None
    started: float
    state: State
    host: str = LOOPBACK
    called: str = ""
    waits_for: str = ""

    @property
    def name(self) -> str:
        return self.called or f"{self.role}-{self.number}"


class WantedState(msgspec.Struct, frozen=True):
    """The wanted number of processes of a role now, and its bounds."""

    replicas: int
    minimum: int
    maximum: int


class Death(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process that ended unexpectedly: when, in Unix seconds, and with which exit code; `hung` if
    the fleet killed it because it did not answer, `why` if another program gives a reason."""

    at: float
    code: int
    hung: bool = False
    why: str = ""


class FleetState(msgspec.Struct, frozen=True):
    """`metrics` is the port of the parent's own figures; `deaths` are the last ones, by process."""

    parent: int
    processes: Sequence[ProcessState]
    wanted: dict[str, WantedState] = msgspec.field(default_factory=dict)
    metrics: int | None = None
    deaths: dict[str, Sequence[Death]] = msgspec.field(default_factory=dict)


def write_state(data: Path, state: FleetState) -> None:
    """Raises OSError."""
    text = msgspec.json.format(msgspec.json.encode(state), indent=1)
    replace_file(data / FILE_NAME, text + b"\n")


def read_state(data: Path) -> FleetState | None:
    """What the fleet on this folder last wrote, None if it wrote nothing."""
    try:
        return msgspec.json.decode((data / FILE_NAME).read_bytes(), type=FleetState)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def is_alive(pid: int) -> bool:
    """Whether the process exists; a zombie does not count."""
    return _kernel_state(pid) not in ("", "Z")


def is_paused(pid: int) -> bool:
    """Whether a signal (SIGSTOP, Ctrl-Z) or a debugger has stopped the process."""
    return _kernel_state(pid) in ("T", "t")


def started_with(pid: int) -> dict[str, str] | None:
    """The environment that the process started with; None if it may not be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            words = os.fsdecode(file.read()).split("\0")
    except OSError:  # it has ended, or belongs to another user
        return None
    return dict(word.split("=", 1) for word in words if "=" in word)


def is_unit(pid: int) -> bool:
    """Whether systemd started the process, and starts it again when it ends."""
    # It tells its pid to the process that a unit starts (systemd.exec(5)).
    return (started_with(pid) or {}).get("SYSTEMD_EXEC_PID") == str(pid)


def _kernel_state(pid: int) -> str:
    """One letter of proc_pid_stat(5); empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def read_running(data: Path) -> FleetState | None:
    """The fleet that runs on this folder, with its live processes: after a full disk the file may
    list others. None if none runs.

    After a kill -9 or a power failure the file remains, and other programs may get its pids: only
    the lock shows that its parent is the one that runs.
    """
    state = read_state(data)
    if state is None or lock_holder(data) != state.parent:
        return None
    return msgspec.structs.replace(state, processes=[p for p in state.processes if is_alive(p.pid)])
