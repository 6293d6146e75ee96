"""Child processes that never outlive their parent, however it ends.

Knows signals and sessions, but not what the children are.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.2


class Process(Protocol):
    """A child, however it was created: the part of `subprocess.Popen` that is used."""

    @property
    def pid(self) -> int: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: int | IO[bytes] = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in its own session; it is killed when this process dies.

    The session keeps the terminal's Ctrl-C from the children: the parent drains them. Call this on
    the main thread, since the kernel treats the end of the calling thread as the parent's. Raises
    OSError when the program cannot be started.
    """
    return subprocess.Popen(  # noqa: S603 - the fleet's own programs, no shell
        [str(part) for part in command],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),
    )


def _die_with(parent: int) -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before fork

    def ask_for_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the signal was set
            os._exit(1)

    return ask_for_signal


async def wait_for_exit(process: Process) -> int:
    """Wait for a child, reap it and return its exit code (negative: the signal)."""
    loop = asyncio.get_running_loop()
    while process.poll() is None:
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:  # no descriptor is left
            await asyncio.sleep(POLL_SECONDS)
            continue
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    return process.wait()


def kill_with_descendants(pid: int) -> None:
    """Kills a process that hangs. Its children may hang too: paused processes of PostgreSQL would
    outlive it, and keep the next one from starting."""
    for victim in (pid, *descendants(pid)):
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """All descendants of the main thread."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return []
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def run_nanoseconds(pid: int) -> int:
    """The CPU time of a process's main thread (proc(5), schedstat)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except OSError:  # it has just ended
        return 0
