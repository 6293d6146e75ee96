"""Moves read markers: all moves that arrive while one batch is stored, from sockets or calls, are
the next batch. Sockets of the same user are told of moves in this order: a whole batch goes to all
nodes, because most users have no other socket, and a message each would cost more than the move."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from chats.metrics import MARKER_SECONDS, MARKERS
from chats.store.markers import Move, Moved, find_marker, move_markers
from common.calls.lanes import Lanes
from common.database.failures import DatabaseUnavailable, retry_busy
from common.database.pool import Pool
from common.protocol.errors import invalid, not_found, unavailable
from common.protocol.frames import MarkerMoved
from common.protocol.notices import Notice, pack_notice, pack_notices
from common.protocol.own import Marker, MarkersMoved, MoveMarker, MoveMarkers
from common.valkey.valkey import Answered, Valkey

MAX_MOVES_A_BATCH: Final = 1_000
FRAMES_SECONDS: Final = 0.4  # a node reports its sockets' moves four times a second
MAX_CALLERS_A_BATCH: Final = 500
# Nodes that read what a batch has moved, at 0.4 µs a marker each. Above this number, a message to
# the nodes of each user costs less. A server of a cluster counts only nodes connected to itself.
MAX_NODES_TOLD_ALL: Final = 16

Moves = Sequence[MoveMarker]


class Markers:
    """Moves markers, one batch after the other."""

    def __init__(self, pool: Pool, valkey: Valkey) -> None:
        self._pool = pool
        self._valkey = valkey
        self._nodes = 0  # that received the last batch
        self._lanes: Lanes[Moves, list[Moved | None]] = Lanes(
            lambda _: "all",
            self._move_all,
            max_items=MAX_CALLERS_A_BATCH,
            size_of=len,
            max_size=MAX_MOVES_A_BATCH,
        )

    async def move(self, request: MoveMarker) -> Marker:
        """Turning back to above the current marker waits for frames that were sent before, which
        may still move it. Raises Refusal: `not_found`, `invalid_request` for a seq above the head.
        """
        if request.back:
            marker = await find_marker(self._pool, request.chat, request.user)
            if marker is not None and marker < request.seq:
                await asyncio.sleep(FRAMES_SECONDS)
        [moved] = await self._lanes.fetch("", [request])
        if moved is None:
            raise not_found()
        if moved.is_above:
            raise invalid("from" if request.back else "upTo", "must not be above the chat's seq")
        return Marker(read=moved.marker)

    async def move_many(self, request: MoveMarkers) -> MarkersMoved:
        """Raises Refusal `unavailable`: then all of them may be repeated."""
        moved = await self._lanes.fetch("", request.moves) if request.moves else []
        return MarkersMoved(
            moved=sum(one is not None and one.before != one.marker for one in moved)
        )

    async def _move_all(
        self, _: str, callers: list[Moves], seconds: float
    ) -> list[list[Moved | None]]:
        moves = [move for caller in callers for move in caller]
        found: list[Moved | None] = [None] * len(moves)
        for places in _split(moves):
            results = await self._store([moves[place] for place in places])
            for place, moved in zip(places, results, strict=True):
                found[place] = moved
        rest = iter(found)
        return [[next(rest) for _ in caller] for caller in callers]

    async def _store(self, moves: Moves) -> list[Moved | None]:
        now = time.time_ns() // 1000
        rows = [Move(m.chat, m.user, m.seq, m.back, m.asked or now) for m in moves]
        try:
            with MARKER_SECONDS.time():
                moved = await retry_busy(lambda: move_markers(self._pool, rows))
        except DatabaseUnavailable as error:
            raise unavailable() from error
        self._tell(moves, moved)
        return moved

    def _tell(self, moves: Moves, results: list[Moved | None]) -> None:
        notices: list[Notice] = []
        refused = 0
        for move, moved in zip(moves, results, strict=True):
            if moved is None or moved.is_above:
                refused += 1
            elif move.back or moved.before != moved.marker:
                origin = "" if moved.is_close else move.origin
                frame = MarkerMoved(chat=move.chat, up_to=moved.marker, back=move.back)
                notices.append(Notice(move.user, origin, frame))
        if notices:
            self._publish(notices)
        MARKERS.labels("moved").inc(len(notices))
        MARKERS.labels("refused").inc(refused)
        MARKERS.labels("unmoved").inc(len(moves) - len(notices) - refused)

    def _publish(self, notices: Sequence[Notice]) -> None:
        topics, to_all = self._valkey.topics, self._nodes <= MAX_NODES_TOLD_ALL
        # Publish in any case: the answer says how many nodes there are.
        messages = [(topics.markers, pack_notices(notices) if to_all else b"")]
        if not to_all:
            messages += [
                (topics.user(user), pack_notice(frame, origin=origin))
                for user, origin, frame in notices
            ]
        self._valkey.publish(messages).add_done_callback(self._count_nodes)

    def _count_nodes(self, answered: Answered) -> None:
        if answers := answered.result():
            self._nodes = answers[0]


def _split(moves: Moves) -> list[list[int]]:
    """Splits the moves, by index, into parts that have each marker once, in the order of the
    requests."""
    parts: list[list[int]] = []
    times: dict[tuple[str, str], int] = {}
    for place, move in enumerate(moves):
        key = move.chat, move.user
        part = times[key] = times.get(key, -1) + 1
        if part == len(parts):
            parts.append([])
        parts[part].append(place)
    return parts
