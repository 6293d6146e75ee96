"""The files in `$HUBBUB_DATA/logs`: a JSON object a line, whatever the program behind them writes.

Services write JSON themselves, straight into their file. What the engines say, and what Python
says when a service breaks, is wrapped here.
"""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

MAX_LOG_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024


def open_log(folder: Path, name: str) -> IO[bytes]:
    """Append to NAME.log; one that grew too large since the last start becomes NAME.log.old."""
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.rename(path.with_name(path.name + ".old"))
    return path.open("ab", buffering=0)


def log_line(role: str, event: str, **fields: str | int) -> bytes:
    """One line; `fields` are names and figures, never what people wrote."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"time": time, "level": "info", "role": role, "trace": "", "event": event, **fields}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def write_line(log: IO[bytes], line: bytes) -> None:
    """Append a line, or lose it: a full disk must stop neither the fleet nor an engine."""
    with suppress(OSError):
        log.write(line)


async def copy_output(output: IO[bytes], log: IO[bytes], role: str) -> None:
    """Wrap what a program writes, line by line, until it and its children are gone."""
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), output
    )
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # longer than the limit; the reader has dropped it
                continue
            if not line:
                return
            if text := line.decode(errors="replace").strip():
                write_line(log, log_line(role, text))
    finally:
        transport.close()
        log.close()
