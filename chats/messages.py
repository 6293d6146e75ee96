"""Sending: calls that come in together go to the database together.

Whatever has piled up while the last transactions ran goes as one. No timer: a message that comes
alone leaves at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import msgspec

from chats.announce import Announcement, Announcer
from chats.encoding import UNSTAMPED, decode_message, draft_event, stamp
from chats.metrics import (
    BATCH_MESSAGES,
    BATCH_SECONDS,
    BATCHES_FAILED,
    SENDS_REFUSED,
    SENDS_REPEATED,
    SENDS_WAIT_SECONDS,
    SENDS_WAITING,
)
from chats.store.messages import BatchFailed, BatchRefused, NewMessage, Posted, post_messages
from common.database.pool import Pool
from common.process.logs import log
from common.protocol.chats import Control, SendItem, SendResult
from common.protocol.errors import Refusal, invalid, not_found, unavailable
from common.protocol.events import Message
from common.protocol.ids import is_id, new_id
from common.protocol.limits import wrong_with_message

MAX_BATCH = 500
MAX_WAITING = 20_000  # while the database hangs; what comes then is refused at once
MAX_TRANSACTIONS = 2  # one is prepared and answered while the other one is committed
FIRST_PAUSE_SECONDS = 0.01  # before a failed batch is posted again; doubles each time
MAX_PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 0.1  # a call is given up so long before its caller stops waiting


class _Call:
    """One caller's items, until each has its result or the caller's time is over."""

    __slots__ = ("_timer", "done", "left", "results", "since")

    def __init__(self, size: int, since: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.results: list[SendResult] = [SendResult()] * size
        self.left = size
        self.since = since
        self.done: asyncio.Future[None] = loop.create_future()
        # A caller that hears nothing takes this replica for dead; one that is told `unavailable`
        # sends all of it again.
        self._timer = loop.call_later(max(seconds / 2, seconds - ANSWER_SECONDS), self.give_up)

    def settle(self, place: int, result: SendResult) -> None:
        self.results[place] = result
        self.left -= 1
        if self.left == 0 and not self.done.done():
            self._timer.cancel()
            self.done.set_result(None)

    def give_up(self) -> None:
        if not self.done.done():
            self._timer.cancel()
            self.done.set_exception(unavailable())


class _Waiting(NamedTuple):
    item: SendItem
    call: _Call
    place: int


class _Draft(NamedTuple):
    """A message of a batch and all who sent it: a repeat within the batch shares its result."""

    message: Message
    new: NewMessage
    senders: list[_Waiting]

    @property
    def is_awaited(self) -> bool:
        return not all(call.done.done() for _, call, _ in self.senders)

    def settle(self, result: SendResult) -> None:
        for _, call, place in self.senders:
            call.settle(place, result)


class Sender:
    """Takes messages of all callers; at most `MAX_TRANSACTIONS` batches are under way."""

    def __init__(
        self, pool: Pool, announcer: Announcer, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._pool = pool
        self._announcer = announcer
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def send(self, items: list[SendItem], seconds: float) -> list[SendResult]:
        """A result or refusal for each. Raises Refusal `unavailable` where not all of them were
        settled within `seconds`: what still waits then is not stored, and a repeat of all of them
        is safe."""
        if not items:
            return []
        if seconds <= 0 or len(self._waiting) >= MAX_WAITING:
            raise unavailable()
        call = _Call(len(items), self._clock(), seconds)
        for place, item in enumerate(items):
            if (refusal := _judge(item)) is not None:
                call.settle(place, _refused(refusal))
            else:
                self._waiting.append(_Waiting(item, call, place))
        self._start()
        await call.done
        return call.results

    async def drain(self) -> None:
        """Waits until nothing is under way."""
        while self._running:
            await asyncio.wait(self._running)

    def _start(self) -> None:
        while self._waiting and len(self._running) < MAX_TRANSACTIONS:
            task = asyncio.create_task(self._run(self._take()))
            self._running.add(task)
            task.add_done_callback(self._ended)
        SENDS_WAITING.set(len(self._waiting))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    def _take(self) -> list[_Draft]:
        drafts: dict[tuple[str, str, str], _Draft] = {}
        SENDS_WAIT_SECONDS.observe(self._clock() - self._waiting[0].call.since)
        while self._waiting and len(drafts) < MAX_BATCH:
            waiting = self._waiting.popleft()
            item, call, _ = waiting
            if call.done.done():
                continue  # given up
            if (known := drafts.get(key := (item.chat, item.user, item.key))) is not None:
                known.senders.append(waiting)
            else:
                drafts[key] = _draft(waiting)
        return list(drafts.values())

    async def _run(self, batch: list[_Draft]) -> None:
        try:
            with BATCH_SECONDS.time():
                await self._post(batch)
        except BaseException:
            for draft in batch:
                for _, call, _ in draft.senders:
                    call.give_up()
            raise

    async def _post(self, batch: list[_Draft]) -> None:
        """Settles each message. A batch that fails is posted again for those who still wait; its
        keys make that safe, for what was committed comes back as repeats."""
        pause = FIRST_PAUSE_SECONDS
        while batch:
            try:
                posted, owed = await post_messages(self._pool, [draft.new for draft in batch])
            except BatchFailed as error:
                BATCHES_FAILED.inc()
                if pause == FIRST_PAUSE_SECONDS:
                    log("batch failed", error=str(error), messages=len(batch))
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
                batch = [draft for draft in batch if draft.is_awaited]
            except BatchRefused as error:
                await self._split(batch, error)
                return
            else:
                BATCH_MESSAGES.observe(len(batch))
                self._announce(batch, posted, owed)
                for draft, outcome in zip(batch, posted, strict=True):
                    draft.settle(_result(draft.message, outcome))
                return

    async def _split(self, batch: list[_Draft], error: BatchRefused) -> None:
        """Halves of a batch that holds something which the database refuses."""
        if len(batch) == 1:
            log("message not stored", error=str(error), chat=batch[0].new.chat)
            refusal = Refusal("internal", "The message could not be stored.")
            batch[0].settle(_refused(refusal))
            return
        log("batch split", error=str(error), messages=len(batch))
        half = len(batch) // 2
        await self._post(batch[:half])
        await self._post(batch[half:])

    def _announce(
        self, batch: list[_Draft], posted: list[Posted | None], owed: dict[str, int]
    ) -> None:
        fresh: dict[str, Announcement] = {}
        for draft, outcome in zip(batch, posted, strict=True):
            if outcome is not None and outcome.stored is None:
                event = stamp(draft.new.draft, outcome.seq, outcome.at)
                chat = draft.new.chat
                announcement = fresh.get(chat)
                if announcement is None:
                    announcement = Announcement(chat, outcome.seq, [], [], owed[chat], [])
                    fresh[chat] = announcement
                announcement.events.append(event)
                if trace := draft.senders[0].item.trace:
                    follow = Control(seq=outcome.seq, action="follow", users=[], trace=trace)
                    announcement.follow.append(follow)
        self._announcer.announce(*fresh.values())


def _judge(item: SendItem) -> Refusal | None:
    if not (is_id(item.chat) and is_id(item.user)):
        return not_found()
    if not is_id(item.key):
        return invalid("clientId", "must be a UUID")
    if wrong := wrong_with_message(item.message):
        return invalid("message", wrong)
    return None


def _draft(waiting: _Waiting) -> _Draft:
    item = waiting.item
    message = Message(
        chat=item.chat,
        by=item.user,
        message_id=new_id(),
        message=item.message,
        client_id=item.key if item.show_key else msgspec.UNSET,
        **UNSTAMPED,
    )
    new = NewMessage(item.chat, item.user, item.key, draft_event(message))
    return _Draft(message, new, [waiting])


def _result(message: Message, outcome: Posted | None) -> SendResult:
    if outcome is None:
        return _refused(not_found())
    seq, at = outcome.seq, outcome.at
    if outcome.stored is not None:
        SENDS_REPEATED.inc()
        message = decode_message(outcome.stored)
        seq, at = message.seq, message.at
    return SendResult(
        message_id=message.message_id,
        seq=seq,
        at=at,
        message=message.message,
        client_id=message.client_id if isinstance(message.client_id, str) else None,
    )


def _refused(refusal: Refusal) -> SendResult:
    SENDS_REFUSED.labels(refusal.code).inc()
    return SendResult(code=refusal.code, detail=refusal.detail)
