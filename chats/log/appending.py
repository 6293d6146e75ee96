"""Appends events that belong to messages: items that arrive together are stored together.

All items that arrive while the last transactions run are appended as one batch. No timer: a single
item is stored at once.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import NamedTuple, cast

from chats.log.announce import Announcement, Announcer
from chats.log.drafts import Draft, answer, draft, is_plain, judge, refuse
from chats.log.encoding import stamp
from chats.log.held import HeldChats
from chats.metrics import (
    APPENDED,
    BATCH_MESSAGES,
    BATCH_SECONDS,
    BATCHES_FAILED,
    SENDS_REFUSED,
    SENDS_REPEATED,
    SENDS_WAIT_SECONDS,
    SENDS_WAITING,
)
from chats.store.messages import (
    BatchFailed,
    BatchHeld,
    BatchRefused,
    NewMessage,
    Outcome,
    append_events,
)
from common.database.pool import Pool
from common.process.logs import log
from common.protocol.chats import Control
from common.protocol.errors import Refusal, unavailable
from common.protocol.items import AnyItem, AppendResult, DeleteItem, Refused

MAX_BATCH = 500
MAX_DELETIONS = 4  # in a transaction: each blanks the edits of its message, a thousand at most
MAX_WAITING = 20_000  # while the database hangs; further items are refused at once
MAX_TRANSACTIONS = 2  # one is prepared and answered while the other one is committed
FIRST_PAUSE_SECONDS = 0.01  # before a failed batch is retried; doubles each time
MAX_PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 0.1  # a call is abandoned so long before its caller stops waiting


class _Call:
    """One caller's items, until each has its result or the caller's time is over."""

    __slots__ = ("_left", "_results", "_timer", "done", "since", "size")

    def __init__(self, size: int, since: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.size = self._left = size
        self._results: list[AppendResult | None] = [None] * size
        self.since = since
        self.done: asyncio.Future[list[AppendResult]] = loop.create_future()
        # A caller that gets no answer takes this replica for dead; one that is told `unavailable`
        # sends all of it again.
        self._timer = loop.call_later(max(seconds / 2, seconds - ANSWER_SECONDS), self.give_up)

    def settle(self, place: int, result: AppendResult) -> None:
        if isinstance(result, Refused):
            SENDS_REFUSED.labels(result.code).inc()
        elif not result.is_new:
            SENDS_REPEATED.inc()
        self._results[place] = result
        self._left -= 1
        if self._left == 0 and not self.done.done():
            self._timer.cancel()
            self.done.set_result(cast("list[AppendResult]", self._results))

    def give_up(self) -> None:
        if not self.done.done():
            self._timer.cancel()
            self.done.set_exception(unavailable())


class _Waiting(NamedTuple):
    item: AnyItem
    call: _Call
    place: int


class _Entry(NamedTuple):
    """An event of a batch and everybody who asked for it: a repeat of a plain message within the
    batch shares its result."""

    draft: Draft
    waiting: list[_Waiting]

    @property
    def is_awaited(self) -> bool:
        return not all(call.done.done() for _, call, _ in self.waiting)

    def settle(self, result: AppendResult) -> None:
        for _, call, place in self.waiting:
            call.settle(place, result)


def _split_deletions(batch: list[_Entry]) -> Iterator[list[_Entry]]:
    """Splits a batch, in its order, where it has too many deletions for one transaction."""
    start = deletions = 0
    for place, entry in enumerate(batch):
        if isinstance(entry.draft.item, DeleteItem):
            if deletions == MAX_DELETIONS:
                yield batch[start:place]
                start, deletions = place, 0
            deletions += 1
    yield batch[start:]


class Appender:
    """Takes items of all callers; at most `MAX_TRANSACTIONS` batches are in progress. If another
    transaction keeps a chat's lock, that chat's items are retried once, separately; later ones are
    refused as long as the lock is held. So other chats go on."""

    def __init__(self, pool: Pool, announcer: Announcer) -> None:
        self._pool = pool
        self._announcer = announcer
        self._waiting: deque[_Waiting] = deque()
        SENDS_WAITING.set_function(self._waiting.__len__)
        self._running: set[asyncio.Task[None]] = set()
        self._alone: set[asyncio.Task[None]] = set()
        self._held = HeldChats(pool)

    async def append(self, items: Sequence[AnyItem], seconds: float) -> list[AppendResult]:
        """One result each. Raises Refusal `unavailable` if not all of them were settled within
        `seconds`: those that still wait are not stored, and a repeat of all of them is safe."""
        if not items:
            return []
        if seconds <= 0 or len(self._waiting) >= MAX_WAITING:
            raise unavailable()
        call = _Call(len(items), monotonic(), seconds)
        for place, item in enumerate(items):
            if (refusal := judge(item)) is not None:
                call.settle(place, refuse(refusal))
            else:
                self._waiting.append(_Waiting(item, call, place))
        self._start()
        return await call.done

    async def drain(self) -> None:
        """Waits until no batch is in progress."""
        while self._running or self._alone:
            await asyncio.wait(self._running | self._alone)
        await self._held.close()

    def _start(self) -> None:
        while self._waiting and len(self._running) < MAX_TRANSACTIONS:
            if batch := self._take():
                task = asyncio.create_task(self._run(batch))
                self._running.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    def _take(self) -> list[_Entry]:
        """Takes whole calls, so that two transactions never race for the order of one caller's
        items."""
        batch: list[_Entry] = []
        messages: dict[tuple[str, str, str], _Entry] = {}
        last = None
        while self._waiting:
            item, call, place = waiting = self._waiting[0]
            if batch and call is not last and len(batch) + call.size > MAX_BATCH:
                break
            last = call
            self._waiting.popleft()
            if call.done.done():
                continue  # its caller has given up
            if item.chat in self._held:
                call.settle(place, refuse(unavailable()))
                continue
            if not is_plain(item):  # may be refused for something that a repeat of it lacks
                batch.append(_Entry(draft(item), [waiting]))
            elif (known := messages.get(key := (item.chat, item.user, item.key))) is not None:
                known.waiting.append(waiting)
            else:
                messages[key] = entry = _Entry(draft(item), [waiting])
                batch.append(entry)
        return batch

    async def _run(self, batch: list[_Entry]) -> None:
        try:
            first, *others = _split_deletions(batch)
            await self._append_measured(first)
            for part in others:
                await self._append_measured([entry for entry in part if entry.is_awaited])
        except BaseException:
            for entry in batch:
                for _, call, _ in entry.waiting:
                    call.give_up()
            raise

    async def _append_measured(self, batch: list[_Entry]) -> None:
        if not batch:
            return
        began = monotonic()
        try:
            await self._append(batch)
        finally:  # count nothing before the statement is sent: a message waits for it
            SENDS_WAIT_SECONDS.observe(began - batch[0].waiting[0].call.since)
            BATCH_SECONDS.observe(monotonic() - began)

    async def _append(self, batch: list[_Entry]) -> None:
        """Settles each item. A batch that fails is appended again for the callers that still wait;
        its keys make that safe, because committed items come back as known."""
        batch = self._refuse_held(batch)
        pause = FIRST_PAUSE_SECONDS
        while batch:
            try:
                await self._store(batch)
                return
            except BatchHeld as error:
                batch = self._set_aside(batch, error.chat)
            except BatchFailed as error:
                BATCHES_FAILED.inc()
                if pause == FIRST_PAUSE_SECONDS:
                    log("batch failed", error=str(error), items=len(batch))
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
                batch = [entry for entry in batch if entry.is_awaited]
            except BatchRefused as error:
                await self._split(batch, error)
                return

    async def _store(self, batch: list[_Entry]) -> None:
        events = [entry.draft.event for entry in batch]
        outcomes, outbox = await append_events(self._pool, events)
        self._announce(batch, outcomes, outbox)
        BATCH_MESSAGES.observe(len(batch))
        for entry, outcome in zip(batch, outcomes, strict=True):
            entry.settle(answer(entry.draft, outcome))

    def _refuse_held(self, batch: list[_Entry]) -> list[_Entry]:
        """The batch without the items for chats that are held: earlier ones of them wait."""
        if not self._held:
            return batch
        free = []
        for entry in batch:
            if entry.draft.item.chat in self._held:
                entry.settle(refuse(unavailable()))
            else:
                free.append(entry)
        return free

    def _set_aside(self, batch: list[_Entry], held: str) -> list[_Entry]:
        """The batch without the items for this chat."""
        self._held.add(held)
        for_held = [entry for entry in batch if entry.draft.item.chat == held]
        task = asyncio.create_task(self._append_alone(for_held))
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)
        return [entry for entry in batch if entry.draft.item.chat != held]

    async def _append_alone(self, batch: list[_Entry]) -> None:
        try:
            await self._store(batch)
        except BatchRefused as error:
            await self._split(batch, error)
        except BatchFailed:
            BATCHES_FAILED.inc()
            for entry in batch:
                entry.settle(refuse(unavailable()))

    async def _split(self, batch: list[_Entry], error: BatchRefused) -> None:
        """Halves a batch that contains something which the database refuses."""
        if len(batch) == 1:
            log("item not stored", error=str(error), chat=batch[0].draft.item.chat)
            batch[0].settle(refuse(Refusal("internal", "The event could not be stored.")))
            return
        log("batch split", error=str(error), items=len(batch))
        half = len(batch) // 2
        await self._append(batch[:half])
        await self._append(batch[half:])

    def _announce(
        self, batch: list[_Entry], outcomes: list[Outcome], outbox: dict[str, int]
    ) -> None:
        fresh: dict[str, Announcement] = {}
        appended: list[type[AnyItem]] = []
        for entry, outcome in zip(batch, outcomes, strict=True):
            if outcome.what != "appended":
                continue
            item, new, _ = entry.draft
            appended.append(type(item))
            announcement = fresh.get(item.chat)
            if announcement is None:
                announcement = Announcement(item.chat, outcome.seq, [], [], outbox[item.chat], [])
                fresh[item.chat] = announcement
            event = outcome.event
            if event is None:
                assert isinstance(new, NewMessage)
                event = stamp(new.draft, outcome.seq, outcome.at)
            announcement.events.append(event)
            if trace := item.trace:
                follow = Control(seq=outcome.seq, action="follow", users=[], trace=trace)
                announcement.follow.append(follow)
        self._announcer.announce(*fresh.values())
        for kind, number in Counter(appended).items():
            APPENDED.labels(kind.__struct_config__.tag).inc(number)
