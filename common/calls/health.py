"""The state of a process for health checks. Knows no HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any


class Health:
    """Whether this process is ready (evaluated on each request) and whether it drains."""

    def __init__(
        self,
        ready: Callable[[], Awaitable[str | None]],
        details: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """`ready` returns None, or a sentence that says what is missing. `details` only inform the
        operator."""
        self.ready = ready
        self.details = details
        self.draining = False
