"""Structured logs: one JSON object a line with `time`, `level`, `role`, `trace`, `event`.

Nothing that a client wrote and no credential may be passed in: no token, password, message text.
"""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Any

import msgspec

current_trace: ContextVar[str] = ContextVar("current_trace", default="")
"""The W3C trace id (32 hex digits) of the request that is being served."""

_encode = msgspec.json.Encoder().encode
_logger = logging.getLogger("hubbub")


class _JsonLines(logging.Formatter):
    def __init__(self, role: str, name: str) -> None:
        super().__init__()
        self._role, self._name = role, name
        self._second, self._second_text = 0, ""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname.lower(),
            "role": self._role,
            "process": self._name,
            "trace": current_trace.get(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode()

    def _time(self, moment: float) -> str:
        """As on the wire. Lines come by the hundred a second, and writing a date takes 3 µs."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((moment - second) * 1000):03}Z"


def set_up_logs(role: str, name: str) -> None:
    """Everything that logs in this process goes to standard output as JSON lines."""
    # https://docs.python.org/3/howto/logging.html#optimization: half of a line's cost
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines(role, name))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    for chatty in ("uvicorn.access", "uvicorn.error", "aiohttp.access", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log(event: str, *, level: int = logging.INFO, exception: bool = False, **fields: Any) -> None:
    """One line; `fields` are figures and names, never what people wrote."""
    _logger.log(level, event, exc_info=exception, extra={"fields": fields})
