"""Readiness: whether the system can make a socket ready and commit a send."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from common.calls.calls import Calls
from common.identity.gate import Gate

REMEMBER_SECONDS = 0.2  # frequent checks must cost nothing


class Readiness:
    """Asks the replicas of chats and realtime, and remembers the answer briefly.

    users may be down: users who are logged in can continue. A missing Valkey is no reason either.
    """

    def __init__(
        self,
        gate: Gate,
        chats: Calls,
        realtime: Calls,
        read_replicas: Callable[[], Awaitable[object]],
    ) -> None:
        """`read_replicas` updates which replicas `chats` and `realtime` know."""
        self._gate = gate
        self._chats = chats
        self._realtime = realtime
        self._read_replicas = read_replicas
        self._missing: str | None = None
        self._asked_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def missing(self) -> str | None:
        """What is missing, as text for an operator, or None."""
        came_at = time.monotonic()
        async with self._one_at_a_time:
            if came_at - self._asked_at > REMEMBER_SECONDS:
                asked_at = time.monotonic()  # the answer may be that old: a process may be stopped
                self._missing = await self._ask()
                self._asked_at = asked_at
            return self._missing

    async def _ask(self) -> str | None:
        if self._gate.missing:
            return self._gate.missing
        missing = await self._ask_replicas()
        if missing is not None:
            # At rest the list is up to 2 s old: those on it may have been replaced.
            await self._read_replicas()
            missing = await self._ask_replicas()
        return missing

    async def _ask_replicas(self) -> str | None:
        chats, realtime = await asyncio.gather(
            self._chats.any_is_ready(), self._realtime.any_is_ready()
        )
        if not chats:
            return "chats"
        return None if realtime else "realtime"
