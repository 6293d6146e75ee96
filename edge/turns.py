"""Turns of the reads that may be large: at most 16 of a user run at a time, 4 if one of their
answers in the last minute was large; the others wait.

Otherwise a user who reads the largest pages in parallel would fill the calls in which the reads of
all others travel. Knows nothing of HTTP.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from common.calls.calls import DEADLINE_SECONDS
from common.identity.tokens import Claims
from common.protocol.errors import unavailable

READS_AT_ONCE: Final = 16  # of a user, in one process: as many pages as a call carries
LARGE_READS_AT_ONCE: Final = 4
LARGE_BYTES: Final = 500_000  # of an answer: fifty messages of the usual length have 13 kB
REMEMBERED_SECONDS: Final = 60.0


class Turns:
    """One per process."""

    def __init__(
        self,
        patience_seconds: float = DEADLINE_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._reading: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._large_at: dict[str, float] = {}  # by user, the latest ones at the end

    def bound(
        self, handle: Callable[..., Awaitable[Any]], size_of: Callable[[Any], int]
    ) -> Callable[..., Awaitable[Any]]:
        """The handler of a call, in turns of its caller; `size_of` tells how many bytes its result
        has. Raises Refusal unavailable for a caller who had to wait and has no answer in time."""

        async def handle_and_measure(caller: Claims, **arguments: Any) -> Any:
            result = await handle(caller=caller, **arguments)
            if size_of(result) >= LARGE_BYTES:
                self._remember(caller.user)
            return result

        async def handle_in_turn(caller: Claims, **arguments: Any) -> Any:
            user = caller.user
            reading = self._reading.get(user, 0)
            if reading >= self._most(user):
                later = partial(handle_and_measure, caller=caller, **arguments)
                return await self._handle_later(later, user)
            self._reading[user] = reading + 1
            try:
                return await handle_and_measure(caller=caller, **arguments)
            finally:
                self._leave(user)

        return handle_in_turn

    async def _handle_later(self, handle: Callable[[], Awaitable[Any]], user: str) -> Any:
        try:
            # For waiting and reading together: after 6.5 s the balancer repeats a request.
            async with asyncio.timeout(self._patience_seconds):
                await self._wait(user)
                try:
                    return await handle()
                finally:
                    self._leave(user)
        except TimeoutError:
            raise unavailable() from None

    async def _wait(self, user: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it got its turn at the same moment
                self._leave(user)
            raise

    def _leave(self, user: str) -> None:
        """Passes the turn on to those that have waited longest."""
        self._reading[user] -= 1
        waiting = self._waiting.get(user)
        while waiting and self._reading[user] < self._most(user):
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._reading[user] += 1
        if waiting is not None and not waiting:
            del self._waiting[user]
        if not self._reading[user]:
            del self._reading[user]

    def _most(self, user: str) -> int:
        """Reads of the user at a time."""
        if not self._large_at:
            return READS_AT_ONCE
        was_large_at = self._large_at.get(user, float("-inf"))
        is_recent = self._clock() - was_large_at < REMEMBERED_SECONDS
        return LARGE_READS_AT_ONCE if is_recent else READS_AT_ONCE

    def _remember(self, user: str) -> None:
        now = self._clock()
        self._large_at.pop(user, None)
        self._large_at[user] = now
        while now - self._large_at[oldest := next(iter(self._large_at))] >= REMEMBERED_SECONDS:
            del self._large_at[oldest]
