"""Read markers that sockets move: stored in batches, a person's marker of a chat once in each.

A move that waits may still be raised. One that may be refused for itself (above the head that this
node knows) is stored alone: refused, it must not take a good one with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from common.calls.lanes import Lanes
from common.process.logs import log
from common.protocol.errors import Refusal
from common.protocol.frames import Read
from common.protocol.own import MoveMarker
from common.valkey.rates import Buckets, Rate
from realtime.counters import Counters
from realtime.hub import Hub

MOVES_A_USER: Final = Rate(per_second=100, burst=1_000)  # those that are stored
PAUSE_SECONDS: Final = 0.25  # between batches; who comes first waits for nothing
MAX_MOVES_A_CALL: Final = 500
MAX_MOVES: Final = 10_000  # waiting and under way; while chats is gone, what comes then is dropped
RETRY_SECONDS: Final = 0.5
DRAIN_SECONDS: Final = 3.0

Store = Callable[[str, Sequence[MoveMarker], float], Awaitable[None]]


class Reader(Protocol):
    """A socket whose user reads."""

    user: str

    @property
    def name(self) -> str: ...


class Markers:
    """`store` is called with a key, moves and the seconds that are left for them; raises Refusal
    where all of them have to be asked again. `preferred` names a user's replica of chats."""

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
        self._raisable: dict[tuple[str, str], MoveMarker] = {}
        self._failed: list[MoveMarker] = []
        self._moves = 0
        self.lanes: Lanes[MoveMarker, None] = Lanes(
            preferred, self._store_all, max_items=MAX_MOVES_A_CALL, pause=PAUSE_SECONDS
        )

    @property
    def waiting(self) -> int:
        """That are not stored yet."""
        return self._moves

    def read(self, reader: Reader, frame: Read) -> bool:
        """Whether it was taken; chats judges it later."""
        user, chat, seq = reader.user, frame.chat, frame.up_to
        room = self._hub.rooms.get(chat)
        is_sure = room is not None and seq <= room.stream.head
        known = self._raisable.get((user, chat)) if is_sure else None
        if known is not None and known.seq <= seq:
            known.seq, known.asked, known.origin = seq, time.time_ns() // 1000, reader.name
            return True
        if not self._buckets.take(user, self._rate, self._clock()).allowed:
            return False
        if self._moves >= MAX_MOVES:
            self._counters.drop("read marker not stored")
            return True
        move = MoveMarker(
            user=user, chat=chat, seq=seq, back=False,
            asked=time.time_ns() // 1000, origin=reader.name,
        )  # fmt: skip
        if is_sure:
            # One that is lower and came later stays beside the one before: if the marker is turned
            # back between the two, only the later one counts.
            self._raisable[user, chat] = move
        self._moves += 1
        self._ask(move)
        return True

    async def drain(self) -> None:
        """Waits until what sockets said is stored, for a few seconds at most."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._moves:  # noqa: ASYNC110 - an event for the end of a process
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log("read markers left at the end of the drain", markers=self._moves)

    def _ask(self, move: MoveMarker) -> None:
        self.lanes.ask(move.user, move, lambda result: self._end(move, result))

    def _end(self, move: MoveMarker, result: Refusal | None) -> None:
        if result is None:
            self._moves -= 1
            return
        if not self._failed:
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._ask_failed)
        self._failed.append(move)

    def _ask_failed(self) -> None:
        failed, self._failed = self._failed, []
        for move in failed:
            self._ask(move)

    async def _store_all(self, user: str, moves: list[MoveMarker], seconds: float) -> list[None]:
        for move in moves:  # from now on they are as they are
            if self._raisable.get(key := (move.user, move.chat)) is move:
                del self._raisable[key]
        self._counters.markers += len(moves)
        await self._store(user, moves, seconds)
        return [None] * len(moves)
