"""Structured logs: one JSON object a line with `time`, `level`, `role`, `trace`, `event`.

Nothing that a client wrote and no credential may be passed in: no token, password, message text.
"""

import logging
import os
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import msgspec

current_trace: ContextVar[str] = ContextVar("current_trace", default="")
"""The W3C trace id (32 hex digits) of the request that is being served."""

_encode = msgspec.json.Encoder(enc_hook=str).encode
_logger = logging.getLogger("hubbub")


class _Output:
    """Standard output as JSON lines, once it was opened. A process has one."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._role = self._process = ""
        self._second, self._second_text = 0, ""

    @property
    def is_open(self) -> bool:
        return self._descriptor is not None

    def open(self, role: str, process: str) -> None:
        self._descriptor = sys.stdout.fileno()
        self._role, self._process = role, process

    def write(self, moment: float, level: int, event: str, fields: dict[str, Any]) -> None:
        assert self._descriptor is not None, "it was opened"
        line = {
            "time": self._time(moment),
            "level": logging.getLevelName(level).lower(),
            "role": self._role,
            "process": self._process,
            "trace": current_trace.get(),
            "event": event,
            **fields,
        }
        with suppress(OSError):  # a full disk must stop no service
            os.write(self._descriptor, _encode(line) + b"\n")

    def _time(self, moment: float) -> str:
        """As on the wire. Lines come by the hundred a second, and writing a date takes 3 µs."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((moment - second) * 1000):03}Z"


_output = _Output()


class _ToOutput(logging.Handler):
    """What libraries log, and whatever has a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = dict(getattr(record, "fields", {}))
            if record.exc_info:
                fields["exception"] = logging.Formatter().formatException(record.exc_info)
            _output.write(record.created, record.levelno, record.getMessage(), fields)
        except Exception:  # as all handlers do: who logs must not break for it
            self.handleError(record)


def set_up_logs(role: str, name: str) -> None:
    """Everything that logs in this process goes to standard output as JSON lines."""
    _output.open(role, name)
    logging.root.handlers[:] = [_ToOutput()]
    logging.root.setLevel(logging.INFO)
    for chatty in ("uvicorn.access", "uvicorn.error", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log(event: str, *, level: int = logging.INFO, exception: bool = False, **fields: Any) -> None:
    """One line; `fields` are figures and names, never what people wrote."""
    if exception or not _output.is_open:
        _logger.log(level, event, exc_info=exception, extra={"fields": fields})
    else:  # past logging, which would make it cost 6 µs instead of 3: edge writes one a request
        _output.write(time.time(), level, event, fields)
