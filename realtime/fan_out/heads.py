"""Learns heads and joins from chats, on each way that it tells them: digests, polls, comparisons.

While the bus delivers, this only catches what was lost; otherwise polls are how events arrive at
all.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from common.calls.replicas import Replicas
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.chats import Digest
from realtime.counters import Counters
from realtime.fan_out.bus_watch import BusWatch, Reason
from realtime.fan_out.canary import FlowCanary
from realtime.fan_out.hub import Hub
from realtime.fan_out.notices import Notices
from realtime.fan_out.rooms import REORDER_GRACE_SECONDS, Rooms
from realtime.fan_out.upstream import Chats

COMPARE_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.5
CHECK_SECONDS: Final = 0.25
# A poll covers the last 5 s, so two that every replica answered must be closer together.
MAX_GAP_SECONDS: Final = 4.0
MAX_TIMELINES: Final = 1_000

_decode_digest = msgspec.json.Decoder(Digest).decode


class Heads:
    """Learns heads and joins. `reasons` says why it polls now; empty while the bus delivers."""

    def __init__(
        self,
        hub: Hub,
        rooms: Rooms,
        notices: Notices,
        chats: Chats,
        replicas: Replicas,
        canary: FlowCanary,
        counters: Counters,
        clock: Callable[[], float],
        rest: Rest = NEVER,
    ) -> None:
        self._hub = hub
        self._rooms = rooms
        self._notices = notices
        self._chats = chats
        self._replicas = replicas
        self._canary = canary
        self._counters = counters
        self._clock = clock
        self._rest = rest
        self._watch = BusWatch(clock)
        self._check_now = asyncio.Event()
        self._compare_now = asyncio.Event()
        self._find_joins_now = asyncio.Event()
        self._complete_at = clock()  # up to then nothing was missed
        self._timelines: dict[str, int] = {}  # of chats' database, by the replica that reported it
        self.reasons: frozenset[Reason] = frozenset({"bus_down"})

    def receive_digest(self, data: bytes) -> None:
        """From the bus. Raises msgspec.DecodeError."""
        digest = _decode_digest(data)
        self._watch.notice_digest(digest.replica, digest.every)
        self._learn(digest, REORDER_GRACE_SECONDS)

    def notice_bus(self, is_up: bool, reason: str) -> None:
        """The connection to Valkey came up, or was lost for this reason."""
        self._watch.notice_bus(is_up)
        self._check_now.set()
        if is_up:
            self._compare_now.set()
        else:
            self._counters.bus_losses[reason] += 1

    async def compare_all(self) -> None:
        """Compares all heads every 30 s and after each outage, until cancelled."""
        while True:
            # Not `self._rest`: the request that ends a rest would begin a comparison.
            await NEVER.wait(self._compare_now, COMPARE_SECONDS)
            self._compare_now.clear()
            await self._rooms.compare(self._rooms.find_all())

    async def find_lost_joins(self) -> None:
        """Reads everybody's memberships again after each outage, until cancelled: a chat that a
        user joined meanwhile may have no room here."""
        while True:
            await self._find_joins_now.wait()
            self._find_joins_now.clear()
            await self._notices.find_lost_joins()

    async def poll(self) -> None:
        """Asks all chats replicas for changes while the bus does not deliver, until cancelled."""
        while True:
            self._judge()
            if not self.reasons:
                # A replica that is silent may have been so for this long before it is noticed.
                self._complete_at = self._clock() - self._watch.longest_silence
                await self._rest.wait(self._check_now, CHECK_SECONDS)
                self._check_now.clear()
                continue
            started = self._clock()
            digests, is_complete = await self._chats.changes()
            for digest in digests:
                self._learn(digest, 0.0)
            if may_lack(digests, started - self._complete_at):
                self._recheck()
                self._complete_at = started
            if is_complete:
                self._complete_at = started
            await asyncio.sleep(POLL_SECONDS)

    def _judge(self) -> None:
        before = self.reasons
        self.reasons = self._watch.reasons(self._replicas.leased, self._canary.awaited_since)
        if self.reasons != before:
            log("polling of chats", reasons=sorted(self.reasons))
            if not self.reasons:
                self._recheck()

    def _recheck(self) -> None:
        """Compares again: published messages may be lost, and polls may have missed changes."""
        self._compare_now.set()
        self._find_joins_now.set()

    def _learn(self, digest: Digest, wait_seconds: float) -> None:
        if digest.timeline > self._timelines.get(digest.replica, digest.timeline):
            self._compare_now.set()  # another server took over: the epoch may have changed
        if len(self._timelines) > MAX_TIMELINES:
            self._timelines.clear()
        self._timelines[digest.replica] = digest.timeline
        for chat, head in digest.heads.items():
            if (room := self._rooms.find(chat)) is not None:
                self._rooms.learn(room, head, wait_seconds)
        for join in digest.joins:
            for user in join.users:
                if user in self._hub.people:
                    self._notices.join_again(user, join.chat, join.seq)


def may_lack(digests: Sequence[Digest], seconds: float) -> bool:
    """Whether the digests of a poll may not cover everything that was changed in the last
    `seconds`: a replica that was restarted has forgotten what it did before."""
    return seconds > min([MAX_GAP_SECONDS, *(digest.age for digest in digests)])
