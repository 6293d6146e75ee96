"""A file that log lines are appended to, even if the disk is full or the file is renamed.

Knows nothing of what the lines say.
"""

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

FOLLOW_SECONDS: Final = 1.0


class LogFile:
    """Standard output if there is no path.

    Rotation is renaming: the process that bounds the logs renames the file, and within a second the
    next line of each writing process goes to a new one.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._descriptor = sys.stdout.fileno() if path is None else -1
        self._followed = float("-inf")
        self._is_torn = False
        self._waiting: list[bytes] = []

    def append(self, line: bytes) -> None:
        """Appends a whole line. A line that cannot be written is lost: a full disk must not stop a
        service."""
        if self._waiting:
            self._waiting.append(line)
            self.flush()
        else:
            self._write(line)

    def append_soon(self, line: bytes) -> None:
        """The same by the end of this turn of the event loop, together with the other lines of the
        turn: one system call for all of them."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(line)

    def flush(self) -> None:
        """Writes what `append_soon` was given."""
        lines, self._waiting = self._waiting, []
        if lines:
            self._write(b"".join(lines))

    def _write(self, lines: bytes) -> None:
        with suppress(OSError):
            if self._path is not None and time.monotonic() - self._followed >= FOLLOW_SECONDS:
                self._followed = time.monotonic()
                self._follow(self._path)
            data = b"\n" + lines if self._is_torn else lines
            # A disk that fills up takes part of the line.
            self._is_torn = os.write(self._descriptor, data) < len(data)

    def close(self) -> None:
        self.flush()
        self._close_descriptor()

    def _close_descriptor(self) -> None:
        if self._path is not None and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _follow(self, path: Path) -> None:
        """Opens the file that has the name now."""
        with suppress(FileNotFoundError):
            if self._descriptor >= 0 and os.path.samestat(os.fstat(self._descriptor), path.stat()):
                return
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._close_descriptor()
        self._descriptor = opened
