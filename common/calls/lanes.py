"""Micro-batches: requests that arrive while the last call runs go out together as the next one.

A lane is one stream of calls, one at a time, so requests under one key are answered in order; a
request that finds its lane idle is sent at once. Lanes of expensive calls may pause between calls,
or gather: a caller that was just answered often asks again, and a short wait lets both halves of a
crowd go together. Knows nothing about what is asked.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar, cast

import msgspec

from common.calls.calls import DEADLINE_SECONDS
from common.process.logs import current_trace, log
from common.process.tasks import set_unless_done
from common.protocol.errors import Refusal, unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WAITING_ITEMS: Final = 10_000  # more would not be served within their 5 s
# A batch has the time of its oldest item. One that waited through an outage must not shorten the
# time of items that have only just arrived.
MAX_AGE_SPREAD_SECONDS: Final = 1.0
FEWEST_GATHERED: Final = 48  # items of a call: after fewer the next one does not gather
MAX_GATHER_SECONDS: Final = 0.004


class Spacing(NamedTuple):
    """When a lane's next call begins: at once, unless said otherwise.

    It begins `pause_seconds` after the last one began, twice that after one of `crowd` items or
    more, and at once after one of fewer than `fewest`, or of `many` or more; after one of
    `FEWEST_GATHERED` items or more, it also waits for the share `gather` of the time that the last
    one took.
    `returning`: callers ask again soon after an answer, so the pause ends early, once as many wait
    as were answered or already waited when it began. If `ahead` items wait, a full batch unless
    said otherwise, the next call is sent before the results of the last one are handed out.
    """

    pause_seconds: float = 0.0
    crowd: int = sys.maxsize
    fewest: int = 0
    many: int = sys.maxsize
    gather: float = 0.0
    returning: bool = False
    ahead: int | None = None

    def due(self, began: float, items: int, now: float) -> float:
        """When the next call may begin, after one of so many items that has ended `now`."""
        due = began
        if self.fewest <= items < self.many:
            due += self.pause_seconds * (2 if items >= self.crowd else 1)
        if self.gather and items >= FEWEST_GATHERED:
            due = max(due, now + min(MAX_GATHER_SECONDS, self.gather * (now - began)))
        return due


AT_ONCE: Final = Spacing()


class _Asked(msgspec.Struct, Generic[Item, Result]):
    key: str
    item: Item
    done: Callable[[Result | Refusal], None]
    trace: str
    deadline: float


class _Lane(Generic[Item, Result]):
    def __init__(self) -> None:
        self.waiting: list[_Asked[Item, Result]] = []
        self.called: list[list[_Asked[Item, Result]]] = []  # not answered yet, oldest first
        # The next call and when it began, if it was sent before the last one's callers got their
        # results.
        self.ahead: tuple[float, asyncio.Task[Sequence[Result | Refusal]]] | None = None
        self.task: asyncio.Task[None] | None = None
        self.enough = sys.maxsize  # with so many waiting, a pause ends
        self.is_enough: asyncio.Future[None] | None = None  # while one runs


class Lanes(Generic[Item, Result]):
    """`lane_of` names a key's lane (the replica that owns it). `call` gets the first item's key,
    the items and the seconds that they have left; it returns one result per item, in order, or
    raises Refusal for all. `size_of` gives the bytes that count against a batch's `max_size`."""

    def __init__(
        self,
        lane_of: Callable[[str], str],
        call: Callable[[str, list[Item], float], Awaitable[Sequence[Result]]],
        *,
        max_items: int,
        size_of: Callable[[Item], int] = lambda _: 0,
        max_size: int = 0,
        spacing: Spacing = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lane_of = lane_of
        self._call = call
        self._max_items = max_items
        self._size_of = size_of
        self._max_size = max_size
        self._spacing = spacing
        self._ahead = max_items if spacing.ahead is None else spacing.ahead
        self._clock = clock
        self._lanes: dict[str, _Lane[Item, Result]] = {}
        # The lane where a key has items waiting, so that it keeps its order when its owner changes.
        self._pinned: dict[str, tuple[str, int]] = {}
        self._waiting = 0
        self.calls = 0
        self.items = 0

    def ask(self, key: str, item: Item, done: Callable[[Result | Refusal], None]) -> None:
        """`done` is called once."""
        if self._waiting >= MAX_WAITING_ITEMS:
            done(unavailable())
            return
        self._waiting += 1
        name, waiting = self._pinned.get(key) or (self._lane_of(key), 0)
        self._pinned[key] = (name, waiting + 1)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        deadline = self._clock() + DEADLINE_SECONDS
        lane.waiting.append(_Asked(key, item, done, current_trace.get(), deadline))
        if lane.is_enough is not None and len(lane.waiting) >= lane.enough:
            set_unless_done(lane.is_enough, None)
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(name, lane))

    async def fetch(self, key: str, item: Item) -> Result:
        """The same for a caller that awaits the result. Raises Refusal."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.ask(key, item, partial(_hand_over, future))
        return await future

    @property
    def is_idle(self) -> bool:
        return not self._lanes

    async def _run(self, name: str, lane: _Lane[Item, Result]) -> None:
        """Runs until nothing waits; the lane is removed with its last batch, and when it ends no
        caller is left waiting."""
        try:
            while lane.waiting or lane.ahead is not None:
                began, results = await self._serve_next(lane)
                if len(lane.waiting) >= self._ahead:
                    await self._send_ahead(lane)
                batch = lane.called.pop(0)
                self._answer(batch, results)
                due = self._spacing.due(began, len(batch), self._clock())
                if lane.ahead is None and due > began and len(lane.waiting) < self._ahead:
                    enough = min(len(batch) + len(lane.waiting), self._ahead)
                    if not self._spacing.returning:
                        enough = sys.maxsize
                    await self._pause_until(lane, due, enough)
        finally:
            del self._lanes[name]
            if lane.ahead is not None:
                lane.ahead[1].cancel()
            for unanswered in (*lane.called, lane.waiting):
                self._answer(unanswered, None)

    async def _serve_next(
        self, lane: _Lane[Item, Result]
    ) -> tuple[float, Sequence[Result | Refusal]]:
        """When the next call began, and the results for the oldest batch of `lane.called`."""
        if lane.ahead is not None:
            (began, call), lane.ahead = lane.ahead, None
            return began, await call
        began = self._clock()
        return began, await self._serve(self._take_batch(lane))

    async def _send_ahead(self, lane: _Lane[Item, Result]) -> None:
        """Sends the next call, so that the replica works while this process hands out the last
        results."""
        began = self._clock()
        lane.ahead = began, asyncio.create_task(self._serve(self._take_batch(lane)))
        await asyncio.sleep(0)  # lets it be sent

    async def _pause_until(self, lane: _Lane[Item, Result], due: float, enough: int) -> None:
        """Pauses until a moment, or until so many items wait."""
        loop = asyncio.get_running_loop()
        lane.enough, lane.is_enough = enough, loop.create_future()
        ended = lane.is_enough
        timer = loop.call_later(due - self._clock(), set_unless_done, ended, None)
        try:
            await ended
        finally:
            timer.cancel()
            lane.is_enough = None

    def _answer(
        self, batch: list[_Asked[Item, Result]], results: Sequence[Result | Refusal] | None
    ) -> None:
        """Hands out results; None means that no item has an answer."""
        if results is None:
            results = [unavailable() for _ in batch]
        for asked, result in zip(batch, results, strict=True):
            self._leave(asked.key)
            try:
                asked.done(result)
            except Exception:  # one caller's failure must not end the lane of all others
                log("an answer was not taken", level=logging.ERROR, exception=True)

    def _refuse_expired(self, lane: _Lane[Item, Result]) -> None:
        """Refuses items that have waited for their whole time: a call without time would only blame
        its replica."""
        now = self._clock()
        expired = 0
        while expired < len(lane.waiting) and lane.waiting[expired].deadline <= now:
            expired += 1
        if not expired:
            return
        refused, lane.waiting = lane.waiting[:expired], lane.waiting[expired:]
        self._answer(refused, None)

    async def _serve(self, batch: list[_Asked[Item, Result]]) -> Sequence[Result | Refusal]:
        """One result per item, whatever the call returns or raises."""
        if not batch:  # all items were too old
            return []
        self.calls += 1
        self.items += len(batch)
        first = batch[0]
        current_trace.set(first.trace)
        if len(batch) > 1 and first.trace:
            traces = dict.fromkeys(asked.trace for asked in batch)
            if len(traces) > 1:
                log("batch", traces=list(traces))
        left = first.deadline - self._clock()
        try:
            results = await self._call(first.key, [asked.item for asked in batch], left)
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for {len(batch)} items")
            return cast("Sequence[Result | Refusal]", results)
        except Refusal as refusal:
            return [refusal] * len(batch)
        except Exception:  # an unreadable answer: its callers must learn of it
            log("batched call failed", level=logging.ERROR, exception=True)
            return [unavailable()] * len(batch)

    def _take_batch(self, lane: _Lane[Item, Result]) -> list[_Asked[Item, Result]]:
        """The oldest waiting items that are not too old, within the bounds of a request."""
        self._refuse_expired(lane)
        waiting, size = lane.waiting, 0
        newest = waiting[0].deadline + MAX_AGE_SPREAD_SECONDS if waiting else 0.0
        for count, asked in enumerate(waiting):
            size += self._size_of(asked.item)
            if count == self._max_items or asked.deadline > newest:
                break
            if count and size > self._max_size > 0:
                break
        else:
            count = len(waiting)
        batch, lane.waiting = waiting[:count], waiting[count:]
        lane.called.append(batch)
        return batch

    def _leave(self, key: str) -> None:
        self._waiting -= 1
        name, waiting = self._pinned[key]
        if waiting == 1:
            del self._pinned[key]
        else:
            self._pinned[key] = (name, waiting - 1)


def _hand_over(asker: asyncio.Future[Result], result: Result | Refusal) -> None:
    if asker.done():  # the caller has gone away
        return
    if isinstance(result, Refusal):
        asker.set_exception(result)
    else:
        asker.set_result(result)
