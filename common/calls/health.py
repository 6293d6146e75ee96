"""The state of a process for health checks. Knows no HTTP."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

SHARE_SECONDS: Final = 1.0  # an answer that takes longer may be from before the process hung


class Health:
    """Whether this process is ready (evaluated on each request) and whether it drains."""

    def __init__(
        self,
        find_missing: Callable[[], Awaitable[str | None]],
        details: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """`find_missing` returns None, or a sentence that says what is missing. `details` only
        inform the operator."""
        self._find_missing = find_missing
        self._finding: asyncio.Future[str | None] | None = None
        self._finding_since = 0.0
        self.details = details
        self.draining = False

    async def ready(self) -> str | None:
        """What is missing, if anything. Those who ask at once are told the same: when a process
        that hung goes on, all probes of that time have been waiting for it."""
        now = time.monotonic()
        if self._finding is None or now - self._finding_since > SHARE_SECONDS:
            self._finding = asyncio.ensure_future(self._find_missing())
            self._finding_since = now
            self._finding.add_done_callback(self._forget)
        return await asyncio.shield(self._finding)

    def _forget(self, finding: asyncio.Future[str | None]) -> None:
        if self._finding is finding:
            self._finding = None
