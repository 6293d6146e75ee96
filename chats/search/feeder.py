"""Feeds the index of words behind the commit. Sends wait for nothing here.

Every 0.6 s a replica feeds the chats of which it has announced events. What a replica left when it
died is found by comparing every chat's progress with its log: at the start, and now and then.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

from chats.metrics import SEARCH_BEHIND_CHATS, SEARCH_BEHIND_SECONDS, SEARCH_FED
from chats.store.search_feed import feed, list_chats_behind
from common.database.pool import Pool

FEED_SECONDS: Final = 0.6  # more rows of each chat at a time cost less; found within a second
COMPARE_SECONDS: Final = 300.0
BUSY_EVENTS: Final = 32  # under way at once: sends need the machine for themselves
MAX_YIELD_SECONDS: Final = 30.0
_CHATS_AT_ONCE: Final = 30  # a transaction is short, also where the machine is busy
_ROWS_A_CHAT: Final = 64
_COMPARED_AT_ONCE: Final = 2_000
_FORGOTTEN_AT_ONCE: Final = 500
_BEFORE_ALL_IDS: Final = "00000000-0000-0000-0000-000000000000"


class Feeder:
    """`note` is told of chats with new events; `run` feeds what was noted."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._noted: dict[str, float] = {}  # since when
        self._next_comparison = 0.0

    def note(self, chats: Iterable[str]) -> None:
        now = monotonic()
        for chat in chats:
            self._noted.setdefault(chat, now)

    async def run(self, events_under_way: Callable[[], int]) -> None:
        """One pass over what was noted; none while many events are being stored, unless something
        has waited for `MAX_YIELD_SECONDS`. Raises what the database raises; what was not fed stays
        noted."""
        self._measure()
        oldest = min(self._noted.values(), default=monotonic())
        if events_under_way() > BUSY_EVENTS and monotonic() - oldest < MAX_YIELD_SECONDS:
            return
        await self.feed_all()
        self._measure()

    async def feed_all(self) -> None:
        """Everything that was noted, and now and then what nobody noted."""
        if monotonic() >= self._next_comparison:
            await self._compare()
            self._next_comparison = monotonic() + COMPARE_SECONDS
        waiting = list(self._noted)
        for start in range(0, len(waiting), _CHATS_AT_ONCE):
            await self._feed(waiting[start : start + _CHATS_AT_ONCE])

    async def _feed(self, chats: list[str]) -> None:
        """Until nothing is left of those of these chats that nobody else feeds."""
        while chats:
            since = {chat: self._noted.pop(chat, monotonic()) for chat in chats}
            left = set(chats)
            try:
                fed = await feed(self._pool, chats, _ROWS_A_CHAT, _FORGOTTEN_AT_ONCE)
                left -= fed.done
            finally:
                self._noted = {**{chat: since[chat] for chat in left}, **self._noted}
            SEARCH_FED.inc(fed.changes)
            chats = fed.more

    async def _compare(self) -> None:
        after: str | None = _BEFORE_ALL_IDS
        while after is not None:
            behind, after = await list_chats_behind(self._pool, after, _COMPARED_AT_ONCE)
            self.note(behind)

    def _measure(self) -> None:
        SEARCH_BEHIND_CHATS.set(len(self._noted))
        oldest = min(self._noted.values(), default=None)
        SEARCH_BEHIND_SECONDS.set(0.0 if oldest is None else monotonic() - oldest)
