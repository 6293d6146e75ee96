"""Feeds the search index after the commit. Sends never wait for it.

Every 0.6 s a replica feeds the chats of which it has announced events. What a replica left when it
died is found by comparing every chat's progress with its log, at startup and periodically. pace.py
decides how much of its time that takes while the machine is at its limit. A search has its user's
own chats fed first if they are behind.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from time import monotonic
from typing import Final

from chats.metrics import (
    SEARCH_BEHIND_CHATS,
    SEARCH_BEHIND_SECONDS,
    SEARCH_FED,
    SEARCH_LACKS_WORDS,
)
from chats.search.pace import LOOK_SECONDS, Pace
from chats.store.search import Overdue, list_overdue
from chats.store.search_feed import feed, has_index_of_words, list_chats_behind
from chats.turns import next_turn
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.process.logs import log
from common.process.tasks import stop
from common.protocol.ids import LOWEST_ID

FEED_SECONDS: Final = 0.6  # more rows per chat cost less each; found within a second
SEARCH_SECONDS: Final = 0.5  # at most, for the chats of one search
RETRY_SECONDS: Final = 0.01  # another replica may be feeding the same chats
COMPARE_SECONDS: Final = 300.0
COMPARE_AGAIN_SECONDS: Final = 5.0  # after one that failed: noted chats are fed meanwhile
_CHATS_AT_ONCE: Final = 32
_MOST_ROWS: Final = 256  # per transaction
_FEWEST_ROWS: Final = 1
_COMPARED_AT_ONCE: Final = 2_000
_FORGOTTEN_AT_ONCE: Final = 500


class SearchFeeder:
    """`note` receives chats with new events; `run` feeds the noted ones."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._noted: dict[str, float] = {}  # since when
        self._alone: set[str] = set()  # one of these took too long: each of them is fed alone
        self._failing: set[str] = set()  # those of them that could not be fed when last tried
        self._next_comparison = 0.0
        self._pace = Pace(monotonic())
        self._rows = _MOST_ROWS
        self._searching = asyncio.Lock()  # one search at a time has chats fed
        self._for_searches: set[asyncio.Task[None]] = set()

    def note(self, chats: Iterable[str], events: int) -> None:
        """So many events of these chats were stored at once."""
        now = monotonic()
        for chat in chats:
            self._noted.setdefault(chat, now)
        self._pace.note(now, events)

    async def run(self) -> None:
        """One pass over the noted chats, and periodically over others. Raises what the database
        raises, at the end if only one chat failed; what was not fed stays noted, and the next pass
        begins with others."""
        if monotonic() >= self._next_comparison:
            self._next_comparison = monotonic() + COMPARE_AGAIN_SECONDS
            await self._compare()
            self._next_comparison = monotonic() + COMPARE_SECONDS
        waiting, failure = sorted(self._noted, key=self._alone.__contains__), None
        while waiting:
            started, behind = monotonic(), self._measure()
            some = next_turn(waiting, self._alone, _CHATS_AT_ONCE)
            more, failed = await self._feed(some)
            failure = failure or failed
            waiting = more + waiting[len(some) :]
            await self._give_way(monotonic() - started, behind)
        self._measure()
        if failure is not None:
            raise failure

    async def feed_overdue(self, reader: str, chat: str | None) -> None:
        """Feeds what a search in the reader's chats, or in the one, does not find because feeding
        gives way. Waits for half a second at most; a transaction that takes longer goes on."""
        feeding = asyncio.create_task(
            self._feed_overdue(reader, chat, monotonic() + SEARCH_SECONDS)
        )
        self._for_searches.add(feeding)
        feeding.add_done_callback(self._for_searches.discard)
        await asyncio.wait({feeding}, timeout=SEARCH_SECONDS)

    async def stop(self) -> None:
        """Ends what goes on for searches."""
        await stop(self._for_searches)

    async def _feed_overdue(self, reader: str, chat: str | None, end: float) -> None:
        try:
            async with self._searching:
                while monotonic() < end:
                    overdue = await list_overdue(self._pool, reader, chat)
                    waiting = [one for one in overdue if one.chat not in self._failing]
                    if not waiting:
                        return
                    await self._feed_until(end, waiting)
                    await asyncio.sleep(RETRY_SECONDS)
        except DatabaseUnavailable as error:  # the pass over all chats meets it too
            log("chats of a search not fed", error=repr(error))

    async def _feed_until(self, end: float, waiting: list[Overdue]) -> None:
        """Chats of which the index lacks little come first, so that one with many messages keeps no
        other from it. One that fails stays noted, and the pass over all chats reports it."""
        waiting.sort(key=lambda one: (one.chat in self._alone, one.rows))
        while waiting and monotonic() < end:
            rows = list(accumulate(one.rows for one in waiting[:_CHATS_AT_ONCE]))
            most = max(1, bisect_right(rows, self._rows))
            some = next_turn([one.chat for one in waiting], self._alone, most)
            more, _ = await self._feed(some)
            waiting = waiting[len(some) :] + [Overdue(one, self._rows) for one in more]

    async def _give_way(self, took: float, behind: float) -> None:
        """Waits after work that took so long, while the machine is at its limit: after a slow
        commit the pause could be a minute, and the load gone long before, so it is judged again and
        again."""
        began = now = monotonic()
        while (left := self._pace.pause(now, took, behind) - (now - began)) > 0:
            await asyncio.sleep(min(left, LOOK_SECONDS))
            now, behind = monotonic(), self._measure()

    async def _feed(self, chats: list[str]) -> tuple[list[str], Exception | None]:
        """Returns those of these chats of which something is left and that nobody else feeds, and
        why one of them could not be put into the index: that does not keep the others from it."""
        try:
            return await self._feed_together(chats), None
        except DatabaseUnavailable:
            if len(chats) == 1:
                self._failing.update(chats)
            raise
        except Exception as error:
            if len(chats) == 1:
                self._failing.update(chats)
                return [], error
        more, failure = list[str](), None
        for chat in chats:
            left, failed = await self._feed([chat])
            more, failure = more + left, failure or failed
        return more, failure

    async def _feed_together(self, chats: list[str]) -> list[str]:
        since = {chat: self._noted.pop(chat, monotonic()) for chat in chats}
        left = set(chats)
        try:
            fed = await feed(self._pool, chats, self._rows, _FORGOTTEN_AT_ONCE)
            left -= fed.done
            self._alone.difference_update(fed.done, fed.more)
            self._failing.difference_update(fed.done, fed.more)
            self._rows = min(_MOST_ROWS, self._rows * 2)
        except DatabaseUnavailable:
            # It may have been more than this machine does within a transaction's time, or one of
            # these chats may always take too long.
            self._rows = max(_FEWEST_ROWS, self._rows // 4)
            self._alone.update(chats)
            raise
        finally:
            # Those that were noted again meanwhile keep their earlier time.
            others = {chat: at for chat, at in self._noted.items() if chat not in left}
            again = {
                chat: min(since[chat], self._noted.get(chat, since[chat]))
                for chat in chats
                if chat in left
            }
            self._noted = {**others, **again}
        SEARCH_FED.inc(fed.changes)
        return fed.more

    async def _compare(self) -> None:
        SEARCH_LACKS_WORDS.set(not await has_index_of_words(self._pool))
        after: str | None = LOWEST_ID
        while after is not None:
            behind, after = await list_chats_behind(self._pool, after, _COMPARED_AT_ONCE)
            now = monotonic()
            for chat in behind:
                self._noted.setdefault(chat, now)

    def _measure(self) -> float:
        """For how many seconds the index has lacked the oldest event that more time for feeding
        would bring into it. The metrics include chats that fail: an operator has to look at those.
        """
        now = monotonic()
        SEARCH_BEHIND_CHATS.set(len(self._noted))
        SEARCH_BEHIND_SECONDS.set(now - min(self._noted.values(), default=now))
        hopeful = (at for chat, at in self._noted.items() if chat not in self._failing)
        return now - min(hopeful, default=now)
