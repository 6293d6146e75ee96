"""Read markers that sockets move: stored in batches, each user's marker of a chat once per batch.

A waiting move may still be raised. A move that may be refused (above the head that this node knows)
is stored separately, so that its refusal does not affect a valid one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol

from common.calls.lanes import Lanes, Spacing
from common.process.logs import log
from common.protocol.errors import Refusal
from common.protocol.frames import Read
from common.protocol.own import MoveMarker, own_key
from common.valkey.rates import Buckets, Rate
from realtime.counters import Counters
from realtime.fan_out.hub import Hub

MOVES_A_USER: Final = Rate(per_second=100, burst=1_000)  # moves that are stored
FREE_MOVES: Final = 10  # of a user in a batch, which do not count against the rate
PAUSE_SECONDS: Final = 0.25  # between batches; a single marker is sent at once
MAX_MOVES_A_CALL: Final = 500
MAX_MOVES: Final = 10_000  # waiting and in progress; while chats is down, further ones are dropped
RETRY_SECONDS: Final = 0.5
DRAIN_SECONDS: Final = 3.0

Store = Callable[[str, Sequence[MoveMarker], float], Awaitable[None]]


class Reader(Protocol):
    """A socket whose user reads."""

    user: str

    @property
    def name(self) -> str: ...


class _Batch:
    """Moves of one key that go together; `raisable` are by user and chat."""

    __slots__ = ("moves", "of_user", "raisable")

    def __init__(self) -> None:
        self.moves: list[MoveMarker] = []
        self.raisable: dict[tuple[str, str], MoveMarker] = {}
        self.of_user: dict[str, int] = {}


class Markers:
    """`store` is called with a key, moves and the seconds that are left for them; raises Refusal if
    all of them must be repeated. `preferred` names a key's replica of chats."""

    def __init__(
        self,
        store: Store,
        preferred: Callable[[str], str],
        hub: Hub,
        rate_factor: int,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._hub = hub
        self._rate = MOVES_A_USER.times(rate_factor)
        self._buckets = Buckets()
        self._counters = counters
        self._clock = clock
        self._open: dict[str, _Batch] = {}  # that still take moves, by key
        self.waiting = 0  # moves that are not stored yet
        self.lanes: Lanes[_Batch, None] = Lanes(
            preferred,
            self._store_all,
            max_items=MAX_MOVES_A_CALL,
            size_of=lambda batch: len(batch.moves),
            max_size=MAX_MOVES_A_CALL,
            spacing=Spacing(PAUSE_SECONDS),
        )

    def read(self, reader: Reader, frame: Read) -> bool:
        """Whether it was accepted; chats checks it later."""
        user, chat, seq = reader.user, frame.chat, frame.up_to
        batch = self._open_batch(own_key(user))
        room = self._hub.rooms.get(chat)
        is_sure = room is not None and seq <= room.stream.head
        known = batch.raisable.get((user, chat)) if is_sure else None
        asked = time.time_ns() // 1000
        if known is not None and known.seq <= seq:
            known.seq, known.asked, known.origin = seq, asked, reader.name
            return True
        number = batch.of_user.get(user, 0)
        if number >= FREE_MOVES and not self._takes(user):
            return False
        if self.waiting >= MAX_MOVES:
            self._counters.drop("read marker not stored")
            return True
        move = MoveMarker(
            user=user, chat=chat, seq=seq, back=False, asked=asked, origin=reader.name
        )
        if is_sure:
            # A lower one that came later stays beside the earlier one: if the marker is turned back
            # between the two, only the later one counts.
            batch.raisable[user, chat] = move
        batch.of_user[user] = number + 1
        batch.moves.append(move)
        self.waiting += 1
        return True

    async def drain(self) -> None:
        """Waits until all moves of sockets are stored, for a few seconds at most."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self.waiting:  # noqa: ASYNC110 - an event for the end of a process
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log("read markers left at the end of the drain", markers=self.waiting)

    def _takes(self, user: str) -> bool:
        return self._buckets.take(user, self._rate, self._clock()).allowed

    def _open_batch(self, key: str) -> _Batch:
        batch = self._open.get(key)
        if batch is None or len(batch.moves) >= MAX_MOVES_A_CALL:
            batch = self._open[key] = _Batch()
            self._ask(key, batch)
        return batch

    def _ask(self, key: str, batch: _Batch) -> None:
        self.lanes.ask(key, batch, partial(self._end, key, batch))

    def _end(self, key: str, batch: _Batch, result: Refusal | None) -> None:
        if result is None:
            self.waiting -= len(batch.moves)
            return
        # The batch is closed, even if it was never sent: an open batch is one that waits for its
        # lane.
        if self._open.get(key) is batch:
            del self._open[key]
        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._ask, key, batch)

    async def _store_all(self, key: str, batches: list[_Batch], seconds: float) -> list[None]:
        for open_key, batch in list(self._open.items()):
            if batch in batches:  # from now on it does not change
                del self._open[open_key]
        moves = [move for batch in batches for move in batch.moves]
        self._counters.markers += len(moves)
        if moves:
            await self._store(key, moves, seconds)
        return [None] * len(batches)
