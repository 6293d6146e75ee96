"""Turns of the reads that may be large: a few of a user at a time, the others wait for them.

Otherwise a user who reads the largest pages in parallel would fill the calls in which the reads of
all others travel. Knows nothing of HTTP.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from common.calls.calls import DEADLINE_SECONDS
from common.identity.tokens import Claims
from common.protocol.errors import unavailable

READS_AT_ONCE: Final = 4  # of a user, in one process


class Turns:
    """One per process."""

    def __init__(self, patience_seconds: float = DEADLINE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._reading: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def bound(self, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The handler of a call, in turns of its caller. Raises Refusal unavailable for a caller
        who had to wait and has no answer in time."""

        async def handle_in_turn(caller: Claims, **arguments: Any) -> Any:
            user = caller.user
            reading = self._reading.get(user, 0)
            if reading >= READS_AT_ONCE:
                return await self._handle_later(partial(handle, caller=caller, **arguments), user)
            self._reading[user] = reading + 1
            try:
                return await handle(caller=caller, **arguments)
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
        """Passes the turn on to the one that has waited longest."""
        waiting = self._waiting.get(user)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        if waiting is not None:
            del self._waiting[user]
        self._reading[user] -= 1
        if not self._reading[user]:
            del self._reading[user]
