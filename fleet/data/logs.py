"""The files in `$HUBBUB_DATA/logs`: one JSON object per line, with a limit on their total size.

Services write their lines themselves. The output of the engines, and Python's when a service
crashes, is wrapped here.
"""

import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from common.process.logs import LogWriter
from fleet.settings import SERVICE_ROLES

MAX_LINE_BYTES: Final = 64 * 1024
TRACEBACK: Final = "Traceback (most recent call last)"
TRACEBACK_PAUSE_SECONDS: Final = 0.2
# PostgreSQL: SQLSTATE and severity; our own probes get 57P03 while it starts. HAProxy: the severity
# in brackets. Valkey: process, role, date, and a sign.
_SEVERITY: Final = re.compile(
    r"(?:(?!57P03)[0-9A-Z]{5} (PANIC|FATAL|ERROR|WARNING):"
    r"|\[(EMERG|ALERT|WARNING) *\]"
    r"|\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ (#) )"
)
_WARNINGS: Final = ("WARNING", "#")
# HAProxy warns about servers that are up again, and reports what the fleet tells it: what drains,
# what leaves, and additions that are repeated since no answer came. Valkey warns about memory for
# saving, which ours never do.
_HARMLESS: Final = re.compile(
    r" is UP[.,/ ]| enters drain state| remains in forced drain mode| is going DOWN for maintenance"
    r"| now enters maintenance| Already exists a server |Memory overcommit must be enabled"
)
_SERVER: Final = re.compile(r"\[WARNING\] +\(\d+\) : Server (\S+) (.+)")
_DRAIN_BEGINS: Final = ("enters drain state", "is UP/DRAIN", "remains in forced drain mode")
_DRAIN_ENDS: Final = (" for maintenance", " enters maintenance", "(leaving forced drain)")
# HAProxy's words when its servers end.
_ORDINARY_AT_STOP: Final = re.compile(r" has no server available!| is DOWN, reason: ")


class Drains:
    """The servers that drain, according to HAProxy. Their processes refuse its checks."""

    def __init__(self) -> None:
        self._servers: set[str] = set()

    def explain(self, line: str) -> bool:
        """Whether it says that such a server is down. Must see every line."""
        found = _SERVER.match(line)
        if found is None:
            return False
        server, event = found.groups()
        if event.startswith(_DRAIN_BEGINS):
            self._servers.add(server)
        elif any(words in event for words in _DRAIN_ENDS):
            self._servers.discard(server)
        return server in self._servers and event.startswith("is DOWN, reason: ")


def log_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def say(text: str, output: IO[str] = sys.stderr) -> None:
    """Prints a sentence on the operator's terminal, if it is still open."""
    with suppress(OSError):  # a closed terminal, a full disk; nothing is left in a buffer
        os.write(output.fileno(), f"{text}\n".encode())


def rotate_logs(folder: Path, most: int) -> None:
    """Keeps the total size of all logs at `most` bytes. Each has an equal share: half for the
    current file, half for the previous one, NAME.log.old. Raises OSError."""
    sizes = {path: path.stat().st_size for path in folder.glob("*.log")}
    for path, size in sizes.items():
        if size > most // (2 * len(sizes)):
            path.rename(f"{path}.old")
    left = sorted(folder.glob("*.log*"), key=lambda path: path.stat().st_mtime)
    excess = sum(path.stat().st_size for path in left) - most
    for path in left:
        if excess > 0 and path.suffix == ".old":
            excess -= path.stat().st_size
            path.unlink()


def severity(role: str, line: str, *, is_stopping: bool = False) -> int:
    """The severity of a line that a program wrote, as one of logging's levels. `is_stopping`: the
    fleet ends everything."""
    if role in SERVICE_ROLES:  # their log lines go elsewhere; only last words are left
        return logging.ERROR
    found = _SEVERITY.match(line)
    if found is None or _HARMLESS.search(line):
        return logging.INFO
    if is_stopping and _ORDINARY_AT_STOP.search(line):
        return logging.INFO
    return logging.WARNING if found[found.lastindex or 0] in _WARNINGS else logging.ERROR


async def copy_output(
    output: IO[bytes],
    folder: Path,
    role: str,
    name: str,
    level: Callable[[str, str], int] = severity,
) -> str:
    """Wrap the output of a program, line by line, until it and its children have ended. A traceback
    becomes one line. `level` is that of a line of a role. Returns the last line, or an empty
    one."""
    last = ""
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), output
    )
    writer = LogWriter(role, name, log_path(folder, name))
    try:
        while (line := await _read_line(reader)) is not None:
            if TRACEBACK in line:
                lines = [line, *await _read_burst(reader)]
                last = lines[-1]
                writer.write(logging.ERROR, last, {"exception": "\n".join(lines)})
            elif line:
                last = line
                writer.write(level(role, line), line, {})
    finally:
        transport.close()
        writer.close()
    return last


async def _read_burst(reader: asyncio.StreamReader) -> list[str]:
    """The lines that follow without a pause."""
    lines = []
    with suppress(TimeoutError):
        while (
            line := await asyncio.wait_for(_read_line(reader), TRACEBACK_PAUSE_SECONDS)
        ) is not None:
            lines += [line] if line else []
    return lines


async def _read_line(reader: asyncio.StreamReader) -> str | None:
    """The line without trailing white space; None at the end."""
    try:
        line = await reader.readline()
    except ValueError:  # longer than the limit; the reader has dropped it
        return ""
    return line.decode(errors="replace").rstrip() if line else None
