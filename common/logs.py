"""Structured logs: one JSON object a line with `time`, `level`, `role`, `trace`, `event`.

Nothing that a client wrote and no credential may be passed in: no token, password, message text.
"""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from common.protocol.wire import wire_time

current_trace: ContextVar[str] = ContextVar("current_trace", default="")
"""The W3C trace id (32 hex digits) of the request that is being served."""

_encode = msgspec.json.Encoder().encode


class _JsonLines(logging.Formatter):
    def __init__(self, role: str, name: str) -> None:
        super().__init__()
        self._role, self._name = role, name

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": wire_time(datetime.fromtimestamp(record.created, UTC)),
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
    logging.getLogger("hubbub").log(level, event, exc_info=exception, extra={"fields": fields})
