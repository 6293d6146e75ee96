"""From a verified `connect` to `ready`: memberships, attaching, replay. No gap, no repeat.

Order matters: the hub knows the user, and the node hears their notices, before memberships are
read, so that everything after the read is seen; sockets are attached, holding back events, before
anything is replayed. A user who is removed meanwhile gets nothing above their removal.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

import msgspec

from common.process.logs import current_trace, log
from common.process.trace import new_trace
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
from realtime.fan_out.upstream import MAX_SLICES_A_CALL, Chats, Memberships, insist
from realtime.protocol.frames import encode_frame, event_frames
from realtime.tasks import Spawn

JOIN_TIMEOUT_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.25
MAX_REPLAY_BYTES: Final = 1_048_576
CHATS_A_FETCH: Final = 20  # per socket, up to 256 KiB each: all sockets share the lane
# How many of the thousand answered by one call are joined before other tasks get their turn.
GUESTS_A_TURN: Final = 64


class Guest(Listener, Protocol):
    """A socket that joins."""

    def go_ready(self, ready: bytes, replay: bytes) -> None: ...

    def end(self, code: CloseCode, reason: str) -> None: ...


class _Entrant(NamedTuple):
    """A socket that is joining, since a moment of the clock."""

    guest: Guest
    joining: Joining
    connect: Connect
    since: float

    def is_gone(self) -> bool:  # mypy would take a property as constant over awaits
        return self.guest.joining is not self.joining


class _Gap(NamedTuple):
    """The events above `seq` up to `head`."""

    chat: str
    seq: int
    head: int

    @property
    def size(self) -> int:
        return self.head - self.seq


class _Missed(NamedTuple):
    """What a resuming socket has missed: in the chats `behind`, more than it gets from us."""

    behind: list[str]
    wanted: list[_Gap]


class _Joined(NamedTuple):
    """For the log."""

    chats: int
    behind: int
    seconds: float


class Joiner:
    """Joins sockets. Its requests to chats are batched over sockets.

    After an outage thousands come at once. Those for which everything is at hand share a task; one
    that has to wait for streams, events or chats gets its own.
    """

    def __init__(
        self,
        hub: Hub,
        bus: AnyBus,
        chats: Chats,
        rooms: Rooms,
        notices: Notices,
        counters: Counters,
        spawn: Spawn,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._chats = chats
        self._rooms = rooms
        self._notices = notices
        self._counters = counters
        self._spawn = spawn
        self._clock = clock
        self._entrants: list[_Entrant] = []
        self._is_asking = False
        self._answered: deque[tuple[_Entrant, Memberships | Refusal]] = deque()

    def enter(self, guest: Guest) -> None:
        """Called at once, so that a socket that ends before its join begins leaves no trace."""
        guest.joining = Joining()
        person = self._hub.enter(guest)
        if len(person.sockets) == 1:
            self._notices.hear(person)

    def join(self, guest: Guest, connect: Connect) -> None:
        """Later makes a socket that has entered ready, or ends it if chats does not answer."""
        if guest.joining is None:
            return
        self._entrants.append(_Entrant(guest, guest.joining, connect, self._clock()))
        if not self._is_asking:
            self._is_asking = True
            self._spawn(self._ask())

    async def _ask(self) -> None:
        """Asks for the memberships of all new sockets: the first one's at once, those of later ones
        when the bus has confirmed their topics, since a turn of the loop accepts one connection."""
        try:
            while self._entrants:
                entrants, self._entrants = self._entrants, []
                current_trace.set(new_trace())
                await self._ask_for(entrants)
        finally:
            self._is_asking = False

    async def _ask_for(self, entrants: Sequence[_Entrant]) -> None:
        try:
            await self._bus.settled()
            for entrant in entrants:
                if not entrant.is_gone():
                    self._chats.ask_memberships(entrant.guest.user, partial(self._hear, entrant))
        except Exception:
            for entrant in entrants:
                _fail(entrant)

    def _hear(self, entrant: _Entrant, answer: Memberships | Refusal) -> None:
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._join_some)
        self._answered.append((entrant, answer))

    def _join_some(self) -> None:
        joined: list[_Joined] = []
        rooms = 0
        for _ in range(min(GUESTS_A_TURN, len(self._answered))):
            if rooms >= ROOMS_A_TURN:
                break
            entrant, answer = self._answered.popleft()
            if entrant.is_gone():
                continue
            try:
                if isinstance(answer, Refusal):
                    self._spawn(self._finish(entrant, partial(self._join_late, entrant)))
                    continue
                rooms += len(answer.heads)
                if (one := self._join_now(entrant, answer)) is not None:
                    joined.append(one)
            except Exception:
                _fail(entrant)
        if self._answered:
            asyncio.get_running_loop().call_soon(self._join_some)
        _log_joined(joined)

    def _join_now(self, entrant: _Entrant, memberships: Memberships) -> _Joined | None:
        """Without waiting for anything; None if that is impossible."""
        rooms = self._find_rooms(entrant.joining, memberships.heads)
        if rooms is None:
            self._spawn(self._finish(entrant, partial(self._join_late, entrant, memberships)))
            return None
        heads: dict[str, int] = {}
        entrant.joining.awaited = {}
        for room, head in rooms:
            self._attach(entrant.guest, entrant.joining, room, head, heads)
        missed = self._find_missed(entrant.connect, heads)
        if missed.wanted:
            replay = partial(self._replay, entrant, memberships, heads, missed)
            self._spawn(self._finish(entrant, replay))
            return None
        return self._welcome(entrant, memberships, heads, missed.behind, [])

    def _find_rooms(
        self, joining: Joining, read_heads: dict[str, int]
    ) -> list[tuple[Room, int]] | None:
        """None if a room must reach its head first, or if they are too many for one turn."""
        if len(read_heads) > ROOMS_A_TURN or joining.joined:
            return None
        found = []
        for chat, head in read_heads.items():
            room = self._rooms.find(chat) or self._rooms.open(chat, head)
            if room.stream.head < head:
                return None
            found.append((room, head))
        return found

    async def _finish(
        self, entrant: _Entrant, work: Callable[[], Awaitable[_Joined | None]]
    ) -> None:
        """Joins that have to wait, for as long as a join may take."""
        left = entrant.since + JOIN_TIMEOUT_SECONDS - self._clock()
        try:
            async with asyncio.timeout(left):
                joined = await work()
        except TimeoutError:
            entrant.guest.end(CloseCode.INTERNAL_ERROR, "chats is unavailable")
        except Exception:
            _fail(entrant)
        else:
            _log_joined([joined] if joined else [])

    async def _join_late(
        self, entrant: _Entrant, memberships: Memberships | None = None
    ) -> _Joined | None:
        """None: chats has not answered, and is asked again."""
        if memberships is None:
            await asyncio.sleep(RETRY_SECONDS)
            ask = partial(self._chats.memberships, entrant.guest.user)
            memberships = await insist(ask, every_seconds=RETRY_SECONDS)
        heads = await self._place(entrant, memberships.heads)
        missed = self._find_missed(entrant.connect, heads)
        return await self._replay(entrant, memberships, heads, missed)

    def _welcome(
        self,
        entrant: _Entrant,
        memberships: Memberships,
        heads: dict[str, int],
        behind: list[str],
        replay: list[bytes],
    ) -> _Joined | None:
        """None if it went away."""
        guest = entrant.guest
        if entrant.is_gone():
            return None
        ready = Ready(
            connection=new_id(),
            user=guest.user,
            epoch=self._chats.epoch,
            chats=heads,
            behind=behind,
            read={chat: seq for chat, seq in memberships.read.items() if chat in heads},
        )
        guest.go_ready(encode_frame(ready), event_frames(b"\n".join(replay)) if replay else b"")
        seconds = self._clock() - entrant.since
        self._counters.join_times.note(seconds)
        self._counters.replayed += len(replay)
        return _Joined(len(heads), len(behind), seconds)

    async def _place(self, entrant: _Entrant, read_heads: dict[str, int]) -> dict[str, int]:
        """Attaches the socket to its chats; returns for each the head from which on it hears it."""
        guest, joining = entrant.guest, entrant.joining
        heads: dict[str, int] = {}
        late: list[tuple[Room, int]] = []
        if entrant.is_gone():
            return heads
        joining.awaited = dict(read_heads)
        for chat, seq in tuple(joining.joined.items()):
            if chat not in read_heads:
                self._notices.join(guest.user, chat, seq)
        with ExitStack() as holding:
            for number, (chat, head) in enumerate(read_heads.items(), 1):
                room = self._rooms.find(chat) or self._rooms.open(chat, head)
                if room.stream.head < head:
                    late.append((room, head))
                    holding.enter_context(room.held())
                else:
                    self._attach(guest, joining, room, head, heads)
                if number % ROOMS_A_TURN == 0:
                    await asyncio.sleep(0)
                    if entrant.is_gone():
                        return heads
            for start in range(0, len(late), MAX_SLICES_A_CALL):
                part = late[start : start + MAX_SLICES_A_CALL]
                await asyncio.gather(*(self._rooms.reach(room, head) for room, head in part))
                if entrant.is_gone():
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

    def _find_missed(self, connect: Connect, heads: dict[str, int]) -> _Missed:
        missed = _Missed([], [])
        resume = {} if connect.resume is msgspec.UNSET else connect.resume
        if connect.epoch is not msgspec.UNSET and connect.epoch != self._chats.epoch:
            return missed
        for chat, seq in resume.items():
            head = heads.get(chat, seq)  # not one of the user's chats: ignored
            if not 0 <= head - seq <= MAX_SLICE_EVENTS:
                missed.behind.append(chat)
            elif seq < head:
                missed.wanted.append(_Gap(chat, seq, head))
        return missed

    async def _replay(
        self,
        entrant: _Entrant,
        memberships: Memberships,
        heads: dict[str, int],
        missed: _Missed,
    ) -> _Joined | None:
        """Welcomes it with the events that it has missed, unless they are too many.

        Once more was fetched than a socket gets, the remaining chats are not asked for. Those that
        miss the fewest events come first, so that a few large ones do not keep them out.
        """
        behind = missed.behind
        wanted = sorted(missed.wanted, key=attrgetter("size"))
        replay: list[bytes] = []
        total = fetched = 0
        while wanted and fetched <= MAX_REPLAY_BYTES:
            part, wanted = wanted[:CHATS_A_FETCH], wanted[CHATS_A_FETCH:]
            found = await asyncio.gather(*(self._lines(entrant.guest.user, gap) for gap in part))
            if entrant.is_gone():
                return None
            for gap, lines in zip(part, found, strict=True):
                size = sum(map(len, lines))
                fetched += size
                is_whole = len(lines) == gap.size and size <= MAX_SLICE_BYTES
                if not is_whole or total + size > MAX_REPLAY_BYTES:
                    behind.append(gap.chat)
                    continue
                total += size
                replay += lines
        behind += [gap.chat for gap in wanted]
        return self._welcome(entrant, memberships, heads, behind, replay)

    async def _lines(self, user: str, gap: _Gap) -> list[bytes]:
        """Its events, or fewer if they are more than a slice may hold."""
        while True:
            # A replica that does not know of a deletion above the gap must not serve the text that
            # it blanked.
            room = self._rooms.find(gap.chat)
            upto = max(gap.head, room.stream.head) if room else gap.head
            ask = partial(self._chats.slice, gap.chat, gap.seq, upto)
            found = await insist(ask, every_seconds=RETRY_SECONDS)
            lines = lines_since(found, user, gap.head)
            if found.head >= gap.head or len(lines) == gap.size:
                return lines
            await asyncio.sleep(RETRY_SECONDS)  # a replica that has not seen it yet


def _fail(entrant: _Entrant) -> None:
    """Must be called from an exception handler."""
    log("a socket could not join", level=logging.ERROR, exception=True)
    entrant.guest.end(CloseCode.INTERNAL_ERROR, "something went wrong")


def _log_joined(joined: Sequence[_Joined]) -> None:
    """One line for all of a turn: a line per socket is a tenth of the cost of a connect."""
    if joined:
        chats, behind, seconds = zip(*joined, strict=True)
        longest = round(max(seconds) * 1000, 2)
        log("joined", sockets=len(joined), chats=sum(chats), behind=sum(behind), ms=longest)
