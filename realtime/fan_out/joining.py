"""From a verified `connect` to `ready`: memberships, attaching, replay. No hole, no repeat.

Order matters: the person is known to the hub and their notices are heard before memberships are
read, so whatever happens after the read is seen; sockets are attached, holding what comes, before
anything is replayed. A user who is removed meanwhile gets nothing above their removal.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Final, Protocol, TypeVar

import msgspec

from common.process.logs import log
from common.protocol.close_codes import CloseCode
from common.protocol.errors import Refusal
from common.protocol.frames import Connect, Ready
from common.protocol.ids import new_id
from common.protocol.limits import MAX_SLICE_BYTES, MAX_SLICE_EVENTS
from common.valkey.valkey import AnyBus
from realtime.counters import Counters
from realtime.fan_out.hub import Hub, Joining, Listener, Room
from realtime.fan_out.notices import Notices
from realtime.fan_out.replay import lines_since
from realtime.fan_out.rooms import ROOMS_A_TURN, Rooms
from realtime.fan_out.upstream import MAX_SLICES_A_CALL, Chats
from realtime.protocol.frames import encode_frame, event_frames

T = TypeVar("T")

JOIN_TIMEOUT_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.25
MAX_REPLAY_BYTES: Final = 1_048_576


class Guest(Listener, Protocol):
    """A socket that joins."""

    def go_ready(self, ready: bytes, replay: bytes) -> None: ...

    def end(self, code: CloseCode, reason: str) -> None: ...


class Joiner:
    """Joins sockets. What it asks of chats goes in batches with what others ask."""

    def __init__(
        self,
        hub: Hub,
        bus: AnyBus,
        chats: Chats,
        rooms: Rooms,
        notices: Notices,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._chats = chats
        self._rooms = rooms
        self._notices = notices
        self._counters = counters
        self._clock = clock

    def enter(self, guest: Guest) -> None:
        """At once, so that a socket that ends before `join` begins leaves nothing behind."""
        guest.joining = Joining()
        self._notices.hear(self._hub.enter(guest))

    async def join(self, guest: Guest, connect: Connect) -> None:
        """Makes a socket that has entered ready, or ends it when chats does not answer."""
        started = self._clock()
        joining = guest.joining
        if joining is None:
            return  # it went away
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_SECONDS):
                await self._bus.settled()
                memberships = await self._insist(lambda: self._chats.memberships(guest.user))
                heads = await self._place(guest, joining, memberships.heads)
                behind, replay = await self._replay(guest, joining, connect, heads)
        except TimeoutError:
            guest.end(CloseCode.INTERNAL_ERROR, "chats is unavailable")
            return
        if guest.joining is not joining:
            return
        ready = Ready(
            connection=new_id(),
            user=guest.user,
            epoch=self._chats.epoch,
            chats=heads,
            behind=behind,
            read={chat: seq for chat, seq in memberships.read.items() if chat in heads},
        )
        guest.go_ready(encode_frame(ready), event_frames(b"\n".join(replay)) if replay else b"")
        seconds = self._clock() - started
        self._counters.join_times.note(seconds)
        self._counters.replayed += len(replay)
        log("joined", chats=len(heads), behind=len(behind), ms=round(seconds * 1000, 2))

    async def _place(
        self, guest: Guest, joining: Joining, memberships: dict[str, int]
    ) -> dict[str, int]:
        """Attaches the socket to its chats; returns the head of each from which on it hears it."""
        heads: dict[str, int] = {}
        late: list[tuple[Room, int]] = []
        if guest.joining is not joining:
            return heads
        joining.awaited = dict(memberships)
        for chat, seq in tuple(joining.joined.items()):
            if chat not in memberships:
                self._notices.join(guest.user, chat, seq)
        with ExitStack() as holding:
            for number, (chat, head) in enumerate(memberships.items(), 1):
                room = self._rooms.find(chat) or self._rooms.open(chat, head)
                if room.stream.head < head:
                    late.append((room, head))
                    holding.enter_context(room.held())
                else:
                    self._attach(guest, joining, room, head, heads)
                if number % ROOMS_A_TURN == 0:
                    await asyncio.sleep(0)
                    if guest.joining is not joining:
                        return heads
            for start in range(0, len(late), MAX_SLICES_A_CALL):
                part = late[start : start + MAX_SLICES_A_CALL]
                await asyncio.gather(*(self._rooms.reach(room, head) for room, head in part))
                if guest.joining is not joining:
                    return heads
                for room, head in part:
                    self._attach(guest, joining, room, head, heads)
        return heads

    def _attach(
        self, guest: Guest, joining: Joining, room: Room, read_head: int, heads: dict[str, int]
    ) -> None:
        assert joining.awaited is not None
        joining.awaited.pop(room.chat, None)
        if room in guest.rooms:
            return  # they were removed and have joined again above `read_head`: a snapshot came
        # Memberships were read at `read_head`; the stream may have carried a removal since.
        if not room.is_closed and joining.left.get(room.chat, 0) <= read_head:
            self._hub.attach(guest, room)
            heads[room.chat] = room.stream.head

    async def _replay(
        self, guest: Guest, joining: Joining, connect: Connect, heads: dict[str, int]
    ) -> tuple[list[str], list[bytes]]:
        """The chats that the client must catch up by itself, and the events that it gets here."""
        resume = {} if connect.resume is msgspec.UNSET else connect.resume
        if connect.epoch is not msgspec.UNSET and connect.epoch != self._chats.epoch:
            return [], []
        if not resume:
            return [], []
        behind: list[str] = []
        replay: list[bytes] = []
        total = 0
        wanted: list[tuple[str, int, int]] = []
        for chat, seq in resume.items():
            head = heads.get(chat, seq)  # not theirs: ignored
            if not 0 <= head - seq <= MAX_SLICE_EVENTS:
                behind.append(chat)
            elif seq < head:
                wanted.append((chat, seq, head))
        found = await asyncio.gather(
            *(self._lines(guest.user, chat, seq, head) for chat, seq, head in wanted)
        )
        for (chat, seq, head), lines in zip(wanted, found, strict=True):
            size = sum(map(len, lines))
            is_whole = len(lines) == head - seq and size <= MAX_SLICE_BYTES
            if not is_whole or total + size > MAX_REPLAY_BYTES:
                behind.append(chat)
                continue
            total += size
            replay += lines
        return behind, replay

    async def _lines(self, user: str, chat: str, seq: int, head: int) -> list[bytes]:
        """Events above `seq` up to `head`, or fewer where they are more than a slice may hold."""
        while True:
            # What a deletion above `head` has blanked must not come from a replica that has not
            # heard of it.
            room = self._rooms.find(chat)
            upto = max(head, room.stream.head) if room else head
            found = await self._insist(partial(self._chats.slice, chat, seq, upto))
            lines = lines_since(found, user, head)
            if found.head >= head or len(lines) == head - seq:
                return lines
            await asyncio.sleep(RETRY_SECONDS)  # a replica that has not seen it yet

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks until chats answers; the join's time-out ends it."""
        while True:
            try:
                return await ask()
            except Refusal:
                await asyncio.sleep(RETRY_SECONDS)
