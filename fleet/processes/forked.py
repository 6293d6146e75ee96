"""The fleet's side of services that are forked from the template (fleet/processes/template.py).

A forked process is the fleet's own child, like a started one, and the template only saves memory:
without one, a service is started as a program.
"""

import asyncio
import ctypes
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from common.process.logs import log
from fleet.processes.children import spawn
from fleet.processes.template import MAX_MESSAGE_BYTES, PACKAGES

PR_SET_CHILD_SUBREAPER: Final = 36
LOAD_SECONDS: Final = 30.0
FORK_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 10.0
SECRET_PREFIXES: Final = ("HUBBUB_", "AWS_")  # of variables that only services get


class Forked:
    """The part of `subprocess.Popen` that the supervision needs (`Process`)."""

    def __init__(self, pid: int, output: IO[bytes]) -> None:
        self.pid, self.stdout = pid, output
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        code = self._reap(0)
        assert code is not None, "it was waited for"
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Template:
    """The process of fleet/processes/template.py, if there is one. `kept` are descriptors that have
    the same number in every service. `variables` are those that services read, once they have been
    loaded."""

    def __init__(self, environment: Mapping[str, str], project: Path, kept: Sequence[int]) -> None:
        self.variables: set[str] = set()
        self._project, self._kept = project, kept
        self._environment = {
            name: value
            for name, value in environment.items()
            if not name.startswith(SECRET_PREFIXES)
        }
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None  # kept, otherwise Python warns
        self._code: Mapping[Path, int] = {}  # that it has loaded
        self._loading = asyncio.Lock()
        self._tried = float("inf")  # not yet
        # What it forks becomes this process's child when the intermediate process has ended.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    async def load(self) -> None:
        """Starts a new one. The previous one ends; its forks stay."""
        async with self._loading:
            self._tried = time.monotonic()
            self.close()
            self._code = code_of(self._project)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            try:
                with theirs:
                    self._start(theirs.fileno())
                async with asyncio.timeout(LOAD_SECONDS):
                    said = await asyncio.get_running_loop().sock_recv(ours, MAX_MESSAGE_BYTES)
                if not said:
                    raise OSError("it has ended")
                self.variables = set(json.loads(said))
                ours.settimeout(FORK_SECONDS)
                self._channel = ours
            except OSError as error:  # or TimeoutError, which is one
                log("template not loaded", level=logging.ERROR, error=str(error))
            finally:
                if self._channel is not ours:
                    ours.close()

    def is_to_be_loaded(self) -> bool:
        """Whether it has ended and should be started again."""
        if self._channel is not None:
            watched = select.poll()
            watched.register(self._channel, 0)  # always reports that it was closed
            if watched.poll(0):
                self.close()
        is_due = time.monotonic() - self._tried > RETRY_SECONDS
        return self._channel is None and is_due and not self._loading.locked()

    def fork(self, role: str, *, env: Mapping[str, str], pass_fds: Sequence[int]) -> Forked | None:
        """A process of the role; None if the template does not answer, or the code has changed.
        `pass_fds` have the same numbers there."""
        if self._channel is None:
            return None
        if code_of(self._project) != self._code:
            self.close()
            return None
        passed = [number for number in pass_fds if number not in self._kept]
        request = {"role": role, "descriptors": passed}
        line, its_line = socket.socketpair()
        reading, writing = os.pipe()
        try:
            with line, its_line:
                line.settimeout(FORK_SECONDS)
                descriptors = [its_line.fileno(), writing, *passed]
                socket.send_fds(self._channel, [json.dumps(request).encode()], descriptors)
                its_line.close()
                pid = int(line.recv(20))
                line.sendall(json.dumps(dict(env)).encode())  # up to its end
        except (OSError, ValueError) as error:
            log("not forked", level=logging.ERROR, of=role, error=repr(error))
            os.close(reading)
            self.close()
            return None
        finally:
            os.close(writing)
        return Forked(pid, os.fdopen(reading, "rb"))

    def close(self) -> None:
        """Ends it; its forks stay."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _start(self, channel: int) -> None:
        words = map(str, (os.getpid(), channel, *self._kept))
        self._process = spawn(
            [sys.executable, "-m", "fleet.processes.template", *words],
            env=self._environment,
            cwd=self._project,
            output=subprocess.DEVNULL,
            pass_fds=[channel, *self._kept],
        )


def code_of(project: Path) -> dict[Path, int]:
    """The modification time of each file that services are loaded from."""
    folders = (*PACKAGES, "clients/javascript/lib")  # edge serves these
    files = [
        path
        for folder in folders
        for path in project.glob(f"{folder}/**/*.*")
        if path.suffix != ".pyc"
    ]
    libraries = Path(sys.prefix, "run.stamp")  # of the Makefile
    return {path: path.stat().st_mtime_ns for path in (*files, libraries) if path.exists()}


def reap_adopted(own: Collection[int]) -> None:
    """Reaps orphans of engines and templates, which become this process's children. `own` are those
    that others wait for."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in own:
            return
        with suppress(ChildProcessError):
            os.waitpid(ended.si_pid, os.WNOHANG)
