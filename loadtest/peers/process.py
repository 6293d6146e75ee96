"""A child of the benchmark: pinned to a core, watched, ended by its pid."""

import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 3.0


class Process:
    """In its own session, so that Ctrl-C reaches the benchmark alone, which then ends it."""

    def __init__(
        self,
        argv: Sequence[object],
        core: int | None,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        talks: bool = False,
    ) -> None:
        """`talks`: its standard output and input are lines that are read and written here."""
        words = [str(word) for word in argv]
        if core is not None:
            words = ["taskset", "-c", str(core), *words]
        self.name = Path(str(argv[0])).name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        pipe = subprocess.PIPE if talks else subprocess.DEVNULL
        self.child = subprocess.Popen(  # noqa: S603 - the benchmark's own programs, no shell
            words,
            cwd=cwd,
            env=env,
            stdin=pipe,
            stdout=pipe,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self.pid = self.child.pid

    @property
    def output(self) -> IO[str]:
        assert self.child.stdout is not None
        return self.child.stdout

    def tell(self, line: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def check(self) -> None:
        """Raises RuntimeError with what it said when it has ended."""
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}: {self.errors()}")

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-600:]

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for stream in (self.child.stdin, self.child.stdout, self._errors):
            if stream is not None:
                stream.close()


class SilenceEnds:
    """Ends a process that stays silent for so many seconds, so that reading its pipe returns."""

    def __init__(self, seconds: float, process: Process) -> None:
        self._timer = threading.Timer(seconds, process.child.kill)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def wait_for_port(process: Process, port: int, seconds: float = 20) -> None:
    """Raises RuntimeError when the process ends or does not listen in time."""
    end = time.monotonic() + seconds
    while True:
        process.check()
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"{process.name} does not listen: {process.errors()}") from None
            time.sleep(0.02)
