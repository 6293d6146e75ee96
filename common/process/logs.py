"""Structured logs, one JSON object a line: `time`, `level`, `role`, `process`, `trace`, `event`.

Never pass in credentials or anything that a client wrote: no token, password, message text.
"""

import logging
import time
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import msgspec

from common.process.log_file import LogFile

current_trace: ContextVar[str] = ContextVar("current_trace", default="")
"""The W3C trace id (32 hex digits) of the request that is being served."""

LEVELS: Final = {
    None: logging.INFO,  # of all that have none of their own
    "uvicorn.access": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "websockets": logging.WARNING,
}
_encode = msgspec.json.Encoder(enc_hook=str).encode
_logger = logging.getLogger("hubbub")
_USUAL: Final = {logging.INFO: "info"}  # level names; getLevelName takes longer


class LogWriter:
    """Writes the log lines of one process."""

    def __init__(self, role: str, process: str, path: Path | None = None) -> None:
        self._role, self._process = role, process
        self._file = LogFile(path)
        self._second, self._second_text = 0, ""

    def write(self, level: int, event: str, fields: Mapping[str, Any], moment: float = 0) -> None:
        """`fields` are added to the usual ones, or replace them. `moment` defaults to now."""
        self._file.append(self._encode(level, event, fields, moment or time.time()))

    def write_soon(self, event: str, fields: Mapping[str, Any]) -> None:
        """The same at level info, with the other lines of this turn of the event loop."""
        self._file.append_soon(self._encode(logging.INFO, event, fields, time.time()))

    def _encode(self, level: int, event: str, fields: Mapping[str, Any], moment: float) -> bytes:
        line = {
            "time": self._time(moment),
            "level": _USUAL.get(level) or logging.getLevelName(level).lower(),
            "role": self._role,
            "process": self._process,
            "trace": current_trace.get(),
            "event": event,
            **fields,
        }
        return _encode(line) + b"\n"

    def flush(self) -> None:
        """Writes what `write_soon` was given."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _time(self, moment: float) -> str:
        """The time in wire format. There may be hundreds of lines a second, and formatting a date
        is slow."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((moment - second) * 1000):03}Z"


class _Output:
    """Where this process writes, once that is set up. A process has one."""

    def __init__(self) -> None:
        self.writer: LogWriter | None = None


_output = _Output()


class _ToOutput(logging.Handler):
    """Handles what libraries log, and anything with a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = dict(getattr(record, "fields", {}))
            if record.exc_info:
                fields["exception"] = logging.Formatter().formatException(record.exc_info)
            assert _output.writer is not None, "it is set before this handler is"
            _output.writer.write(record.levelno, record.getMessage(), fields, record.created)
        except Exception:  # as all handlers do: logging must not break its caller
            self.handleError(record)


def set_up_logs(role: str, name: str, path: Path | None = None) -> None:
    """Everything that logs in this process writes JSON lines to the file, or to standard output if
    there is none."""
    _output.writer = LogWriter(role, name, path)
    logging.root.handlers[:] = [_ToOutput()]
    set_levels()


def set_levels() -> None:
    """Does nothing if levels are as they should be: each change walks all loggers."""
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        if logger.level != level:
            logger.setLevel(level)


def log(event: str, *, level: int = logging.INFO, exception: bool = False, **fields: Any) -> None:
    """One line; `fields` are figures and names, never what users wrote."""
    if exception or _output.writer is None:
        _logger.log(level, event, exc_info=exception, extra={"fields": fields})
    else:  # bypasses logging, whose records would double the cost
        _output.writer.write(level, event, fields)


def log_request(**fields: Any) -> None:
    """A line "request": edge writes one for each request, all those of one turn of its loop
    together."""
    if _output.writer is None:
        _logger.info("request", extra={"fields": fields})
    else:
        _output.writer.write_soon("request", fields)


def flush_requests() -> None:
    """Called before the answers that these lines are about are sent."""
    if _output.writer is not None:
        _output.writer.flush()
