"""Structured logs: one JSON object a line with `time`, `level`, `role`, `trace`, `event`.

Nothing that a client wrote and no credential may be passed in: no token, password, message text.
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
_USUAL: Final = {logging.INFO: "info"}  # names of levels; looking others up takes longer


class LogWriter:
    """Writes what one process has to say."""

    def __init__(self, role: str, process: str, path: Path | None = None) -> None:
        self._role, self._process = role, process
        self._file = LogFile(path)
        self._second, self._second_text = 0, ""

    def write(self, level: int, event: str, fields: Mapping[str, Any], moment: float = 0) -> None:
        """`fields` add to the usual ones, or replace them. `moment` is now unless it is given."""
        self._file.append(self._encode(level, event, fields, moment or time.time()))

    def write_soon(self, event: str, fields: Mapping[str, Any]) -> None:
        """The same of now, for what is no trouble, with the other lines of this turn of the event
        loop."""
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
        """What `write_soon` was given."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _time(self, moment: float) -> str:
        """As on the wire. There may be hundreds a second, and formatting a date takes long."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((moment - second) * 1000):03}Z"


class _Output:
    """Where this process writes, once that was set up. A process has one."""

    def __init__(self) -> None:
        self.writer: LogWriter | None = None


_output = _Output()


class _ToOutput(logging.Handler):
    """What libraries log, and whatever has a traceback."""

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
    """Everything that logs in this process goes as JSON lines to the file, or to standard output
    where there is none."""
    _output.writer = LogWriter(role, name, path)
    logging.root.handlers[:] = [_ToOutput()]
    set_levels()


def set_levels() -> None:
    """Where they are as they should be nothing is done: each change writes to all loggers."""
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        if logger.level != level:
            logger.setLevel(level)


def log(event: str, *, level: int = logging.INFO, exception: bool = False, **fields: Any) -> None:
    """One line; `fields` are figures and names, never what people wrote."""
    if exception or _output.writer is None:
        _logger.log(level, event, exc_info=exception, extra={"fields": fields})
    else:  # past logging, whose records cost as much again
        _output.writer.write(level, event, fields)


def log_request(**fields: Any) -> None:
    """A line "request": edge writes one for each, and those of one turn of its loop together."""
    if _output.writer is None:
        _logger.info("request", extra={"fields": fields})
    else:
        _output.writer.write_soon("request", fields)


def flush_requests() -> None:
    """Before the answers leave that these lines are about."""
    if _output.writer is not None:
        _output.writer.flush()
