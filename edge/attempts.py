"""Attempts that count as failed while they are in progress: log-ins, checks of a current password,
new e-mail addresses.

Each takes a token first, so that parallel ones cannot slip through, and gives it back if it did not
fail. When none is left, an attempt waits for those in progress in this process.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from common.protocol.errors import Refusal
from common.valkey.rates import Rate, Verdict
from common.valkey.shared_rates import SharedBuckets

WAIT_SECONDS: Final = 4.0
MAX_WAITING: Final = 100  # per bucket


class Counted(NamedTuple):
    """A bucket, as SharedBuckets names it."""

    kind: str
    whom: str


class Attempts:
    """All attempts under one rate, which fail with the refusal `failure`."""

    def __init__(self, buckets: SharedBuckets, rate: Rate, failure: str) -> None:
        self._buckets = buckets
        self._rate = rate
        self._failure = failure
        self._under_way: Counter[Counted] = Counter()
        self._waiting: defaultdict[Counted, deque[asyncio.Future[None]]] = defaultdict(deque)

    @asynccontextmanager
    async def trying(self, counted: Counted) -> AsyncIterator[Verdict]:
        """If the verdict allows it, the block has failed if it raises the refusal or is
        cancelled."""
        verdict = await self._begin(counted)
        if not verdict.allowed:
            yield verdict
            return
        has_failed = True
        try:
            yield verdict
            has_failed = False
        except Refusal as refusal:
            has_failed = refusal.code == self._failure
            raise
        finally:
            await self._end(counted, has_failed)

    async def _begin(self, counted: Counted) -> Verdict:
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            verdict = await self._buckets.take(*counted, self._rate)
            if verdict.allowed:
                self._under_way[counted] += 1
            elif await self._another_ends(counted, deadline):
                continue
            return verdict

    async def _end(self, counted: Counted, has_failed: bool) -> None:
        try:
            if not has_failed:
                await self._buckets.give_back_everywhere(*counted, self._rate)
        finally:
            self._under_way[counted] -= 1
            if self._under_way[counted]:
                self._wake(counted, 1)
            else:  # nobody would wake the others
                del self._under_way[counted]
                self._wake(counted, MAX_WAITING)

    async def _another_ends(self, counted: Counted, deadline: float) -> bool:
        """False if none is in progress, if too many wait, or after waiting too long."""
        if not self._under_way[counted] or len(self._waiting[counted]) >= MAX_WAITING:
            return False
        ended = asyncio.get_running_loop().create_future()
        self._waiting[counted].append(ended)
        try:
            async with asyncio.timeout_at(deadline):
                await ended
        except TimeoutError:
            return False
        return True

    def _wake(self, counted: Counted, most: int) -> None:
        """So many of those that still wait, the longest waiting first."""
        waiting = self._waiting[counted]
        while waiting and most:
            if not (ended := waiting.popleft()).done():
                ended.set_result(None)
                most -= 1
        if not waiting:
            del self._waiting[counted]
