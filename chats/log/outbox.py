"""Publishes committed events, and sweeps up events that may not have been published.

A payload is published soon after its commit by the replica that made it. If that fails (a crash,
Valkey is down, a full queue), its row is still in the outbox, and any replica publishes it again.
Publishing twice is harmless, publishing before the commit would not be.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from chats.log.digest import RecentChanges, joins_among
from chats.log.encoding import decode_controls
from chats.metrics import (
    BUS_UP,
    OUTBOX_AGE_SECONDS,
    OUTBOX_ROWS,
    PUBLISH_DROPPED,
    PUBLISH_FAILED,
    PUBLISHED,
)
from chats.store.log import LogRow
from chats.store.outbox import (
    OutboxRow,
    claim_rows,
    find_newest_id,
    is_empty_between,
    mark_published,
    measure,
    read_claimed_events,
)
from common.database.pool import Pool
from common.protocol.chats import Control, Joined
from common.protocol.limits import MAX_SLICE_EVENTS
from common.protocol.payload import pack
from common.valkey.valkey import Answered, Valkey

SWEEP_SECONDS = 0.15
SWEEP_AGE_MS = 300
SWEEP_ROWS = 1_000  # taken at a time
FLOOR_SECONDS = 10.0  # twice as long as a transaction may take
MARK_SECONDS = 0.1
MAX_WAITING_BYTES = 16 * 2**20  # payloads waiting for a slow Valkey; the sweep publishes the rest
_MAX_PIPELINE = 500

_encode = msgspec.json.Encoder().encode


class Publication(NamedTuple):
    """Consecutive events of one chat, from seq `first` on; `outbox_id` is their row's, or 0."""

    chat: str
    first: int
    events: list[bytes]
    controls: list[Control]
    outbox_id: int

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1


class Publisher:
    """Publishes in the order of commits, independently of the answers to senders. Payloads that
    arrive while Valkey has not answered yet are sent together once it has."""

    def __init__(self, valkey: Valkey, pool: Pool) -> None:
        self._valkey = valkey
        self._topics = valkey.topics
        self._pool = pool
        self._waiting: deque[Publication] = deque()
        self._waiting_bytes = 0
        self._is_publishing = False
        self._published: list[int] = []  # rows of the outbox
        self._has_published = asyncio.Event()
        self.is_reachable = True
        BUS_UP.set(1)

    def publish_soon(self, publications: Iterable[Publication]) -> None:
        """Written at once, or after Valkey's pending answer; while Valkey is down the sweep
        publishes it later."""
        for publication in publications:
            size = sum(map(len, publication.events))
            if self._waiting_bytes + size > MAX_WAITING_BYTES:
                PUBLISH_DROPPED.labels("full").inc()
            else:
                self._waiting.append(publication)
                self._waiting_bytes += size
        if not self._is_publishing:
            self._publish_waiting()

    def _publish_waiting(self) -> None:
        if not self._waiting:
            return
        self._is_publishing = True
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_PIPELINE))]
        self._waiting_bytes -= sum(len(e) for p in batch for e in p.events)
        self._write(batch).add_done_callback(partial(self._go_on, batch))

    def _go_on(self, batch: list[Publication], answered: asyncio.Future[Any]) -> None:
        self._is_publishing = False
        if not self._note(batch, answered.result() is not None, by="committer"):
            PUBLISH_DROPPED.labels("unreachable").inc(len(batch) + len(self._waiting))
            self._waiting.clear()
            self._waiting_bytes = 0
        self._publish_waiting()

    async def publish(self, batch: list[Publication], *, by: str) -> bool:
        """Whether Valkey accepted all of it."""
        return self._note(batch, await self._write(batch) is not None, by=by)

    def _write(self, batch: list[Publication]) -> Answered:
        messages: list[tuple[str, bytes]] = []
        for chat, first, events, controls, _ in batch:
            messages.append((self._topics.chat(chat), pack(first, events, controls)))
            for join in joins_among(chat, controls) if controls else ():
                notice = _encode(Joined(chat=chat, seq=join.seq))
                messages += [(self._topics.user(user), notice) for user in join.users]
        return self._valkey.publish(messages)

    def _note(self, batch: list[Publication], is_published: bool, *, by: str) -> bool:
        self._note_reachable(is_published)
        if is_published:
            PUBLISHED.labels(by).inc(len(batch))
            self._published += [one.outbox_id for one in batch if one.outbox_id]
            if self._published:
                self._has_published.set()
        return is_published

    def _note_reachable(self, is_published: bool) -> None:
        # A PING would be answered even if the right to publish is gone.
        self.is_reachable = is_published
        BUS_UP.set(is_published)
        if not is_published:
            PUBLISH_FAILED.inc()

    async def mark_published(self) -> None:
        """Drops the outbox's rows of published events. Raises what the database raises; the sweep
        then publishes them once more."""
        self._has_published.clear()
        published, self._published = self._published, []
        if published:
            await mark_published(self._pool, published)

    async def mark_when_published(self) -> None:
        """The same, once there is something: polling ten times a second costs a process at rest a
        tenth of what it takes."""
        await self._has_published.wait()
        await self.mark_published()

    async def publish_plain(self, topic: str, payload: bytes) -> bool:
        """For payloads that are not events and may be lost. Tells whether Valkey is reachable
        again."""
        is_published = await self._valkey.publish([(topic, payload)]) is not None
        self._note_reachable(is_published)
        return is_published


class _Floor:
    """There is no row up to `id`; perhaps none up to `candidate`, the newest id at `since`.

    A long transaction elsewhere keeps deleted rows in the index, and the search for due ones must
    not scan all of them each time.
    """

    def __init__(self) -> None:
        self.id = 0
        self.candidate = 0
        self.since: float | None = None


class Sweep:
    """Publishes what other replicas left and what Valkey did not accept; every replica runs it."""

    def __init__(self, pool: Pool, publisher: Publisher, recent: RecentChanges) -> None:
        self._pool = pool
        self._publisher = publisher
        self._recent = recent
        self._floor = _Floor()

    def begin_anew(self) -> None:
        """After a failover that may have lost rows: their ids are given out again."""
        self._floor = _Floor()

    async def run(self) -> None:
        """One sweep of all rows older than `SWEEP_AGE_MS`; of each chat the newest events that fit
        into a slice: a node that misses more asks. While Valkey is down it waits for the next
        publish that succeeds: the digest's at the latest."""
        if not self._publisher.is_reachable:
            return
        while True:
            rows = await claim_rows(
                self._pool, above=self._floor.id, older_than_ms=SWEEP_AGE_MS, limit=SWEEP_ROWS
            )
            if rows and not await self._publish(rows):
                return
            if len(rows) < SWEEP_ROWS:
                break
        await self._raise_floor()

    async def measure(self) -> None:
        """Size and age of the outbox, as metrics."""
        size = await measure(self._pool, above=self._floor.id)
        OUTBOX_ROWS.set(size.rows)
        OUTBOX_AGE_SECONDS.set(size.age_seconds)

    async def _publish(self, rows: list[OutboxRow]) -> bool:
        ranges: dict[str, tuple[int, int]] = {}
        for _, chat, first, last in rows:
            known = ranges.get(chat, (first, last))
            ranges[chat] = min(first, known[0]), max(last, known[1])
        wanted = [(chat, first, last) for chat, (first, last) in ranges.items()]
        found = await read_claimed_events(self._pool, wanted, newest=MAX_SLICE_EVENTS)
        batch = [
            _publication(chat, events)
            for (chat, _, _), events in zip(wanted, found, strict=True)
            if events
        ]
        if not await self._publisher.publish(batch, by="sweep"):
            return False
        await mark_published(self._pool, [row.id for row in rows])
        self._recent.note(*((one.chat, one.last, one.controls) for one in batch))
        return True

    async def _raise_floor(self) -> None:
        now, floor = monotonic(), self._floor  # what is read below may be from before a failover
        if floor.since is None:
            floor.candidate, floor.since = await find_newest_id(self._pool), now
        # Every transaction that was given an id up to the candidate has ended by now.
        elif now - floor.since > FLOOR_SECONDS:
            if await is_empty_between(self._pool, floor.id, floor.candidate):
                floor.id = floor.candidate
            floor.since = None


def _publication(chat: str, rows: list[LogRow]) -> Publication:
    """The rows, ascending, from the last gap on: a deleted chat may have kept only its last one."""
    start = len(rows) - 1
    while start > 0 and rows[start - 1].seq == rows[start].seq - 1:
        start -= 1
    rows = rows[start:]
    controls = [control for row in rows for control in decode_controls(row.controls)]
    return Publication(chat, rows[0].seq, [row.event for row in rows], controls, outbox_id=0)
