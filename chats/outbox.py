"""Publishing what is committed, and the sweep of what is not known to be published.

A payload is published soon after its commit by the replica that made it. Whatever gets lost on that
way (a crash, a Valkey that is gone, a full queue) is still owed in the outbox, and any replica
publishes it again. Publishing twice is harmless, publishing before the commit would not be.
"""

import asyncio
from collections import deque
from typing import NamedTuple

import msgspec

from chats.digest import RecentChanges, joins_among
from chats.encoding import decode_controls
from chats.metrics import (
    OUTBOX_AGE_SECONDS,
    OUTBOX_CHATS,
    PUBLISH_DROPPED,
    PUBLISH_FAILED,
    PUBLISHED,
)
from chats.store.log import LogRow
from chats.store.outbox import Owed, claim_owed, measure_owed, read_owed, settle
from common.database import Pool
from common.limits import MAX_SLICE_EVENTS
from common.payload import pack
from common.protocol.chats import Control, Joined
from common.topics import Topics
from common.valkey import Valkey, answers, publish_all

SWEEP_SECONDS = 0.15
SWEEP_AGE_MS = 300
SWEEP_CHATS = 200  # a sweep takes no more at a time
SETTLE_SECONDS = 0.1
MAX_WAITING_BYTES = 16 * 2**20  # what waits for a slow Valkey; the rest is left to the sweep
_MAX_PIPELINE = 500

_encode = msgspec.json.Encoder().encode


class Publication(NamedTuple):
    """Consecutive events of one chat, from seq `first` on."""

    chat: str
    first: int
    events: list[bytes]
    controls: list[Control]

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1


class Publisher:
    """Publishes in the order of commits, away from those who wait for an answer."""

    def __init__(self, valkey: Valkey, topics: Topics, pool: Pool) -> None:
        self._valkey = valkey
        self._topics = topics
        self._pool = pool
        self._waiting: deque[Publication] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._published: dict[str, Owed] = {}
        self.reachable = True

    def publish_soon(self, publication: Publication) -> None:
        """Returns at once; while Valkey is gone the sweep takes it later."""
        size = sum(map(len, publication.events))
        if self._waiting_bytes + size > MAX_WAITING_BYTES:
            PUBLISH_DROPPED.labels("full").inc()
            return
        self._waiting.append(publication)
        self._waiting_bytes += size
        self._wake.set()

    async def run(self) -> None:
        """Publishes what waits, until cancelled."""
        while True:
            await self._wake.wait()
            await self._publish_waiting()

    async def _publish_waiting(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_PIPELINE))]
        self._waiting_bytes -= sum(len(e) for p in batch for e in p.events)
        if not self._waiting:
            self._wake.clear()
        if not await self.publish(batch, by="committer"):
            PUBLISH_DROPPED.labels("unreachable").inc(len(batch) + len(self._waiting))
            self._waiting.clear()
            self._waiting_bytes = 0
            self._wake.clear()

    async def publish(self, batch: list[Publication], *, by: str) -> bool:
        """Whether Valkey took all of it; then it is owed no more."""
        messages: list[tuple[str, bytes]] = []
        for chat, first, events, controls in batch:
            messages.append((self._topics.chat(chat), pack(first, events, controls)))
            for join in joins_among(chat, controls):
                notice = _encode(Joined(chat=chat, seq=join.seq))
                messages += [(self._topics.user(user), notice) for user in join.users]
        self.reachable = await publish_all(self._valkey, messages)
        if not self.reachable:
            PUBLISH_FAILED.inc()
            return False
        PUBLISHED.labels(by).inc(len(batch))
        for publication in batch:
            self._note_published(publication)
        return True

    def _note_published(self, done: Publication) -> None:
        known = self._published.get(done.chat)
        # Only a range without a gap is known to be published; the sweep sees to the rest.
        first = known.first if known and known.first <= done.first <= known.last + 1 else done.first
        self._published[done.chat] = Owed(done.chat, first, done.last)

    async def settle_published(self) -> None:
        """Tells the outbox what was published. Raises what the database raises; the sweep then
        publishes it once more."""
        published, self._published = self._published, {}
        if published:
            await settle(self._pool, list(published.values()))

    async def ask_reachable(self) -> bool:
        """Whether Valkey is there, asked anew if it was not."""
        if not self.reachable:
            self.reachable = await answers(self._valkey)
        return self.reachable

    async def publish_plain(self, topic: str, payload: bytes) -> bool:
        """Something that is no event and may be lost."""
        return await publish_all(self._valkey, [(topic, payload)])


async def sweep(pool: Pool, publisher: Publisher, recent: RecentChanges) -> int:
    """Publishes what was left for longer than `SWEEP_AGE_MS`, of each chat the newest events that a
    slice could hold: a node that misses more asks. Returns how many chats it was."""
    if not await publisher.ask_reachable():
        return 0
    owed = await claim_owed(pool, older_than_ms=SWEEP_AGE_MS, limit=SWEEP_CHATS)
    if not owed:
        return 0
    rows_by_chat = await read_owed(pool, owed, newest=MAX_SLICE_EVENTS)
    batch = [
        _publication(claim.chat, rows)
        for claim, rows in zip(owed, rows_by_chat, strict=True)
        if rows
    ]
    if await publisher.publish(batch, by="sweep"):
        await settle(pool, owed)
        for publication in batch:
            recent.note(publication.chat, publication.last, publication.controls)
    return len(owed)


def _publication(chat: str, rows: list[LogRow]) -> Publication:
    """The rows, ascending, from the last gap on: a deleted chat may have kept its last one only."""
    start = len(rows) - 1
    while start > 0 and rows[start - 1].seq == rows[start].seq - 1:
        start -= 1
    rows = rows[start:]
    controls = [control for row in rows for control in decode_controls(row.controls)]
    return Publication(chat, rows[0].seq, [row.event for row in rows], controls)


async def measure_outbox(pool: Pool) -> None:
    """Number and age of what is owed, as metrics."""
    chats, seconds = await measure_owed(pool)
    OUTBOX_CHATS.set(chats)
    OUTBOX_AGE_SECONDS.set(seconds)
