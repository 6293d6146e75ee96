"""Read markers of sockets in transit to chats: raised while they wait, and never forgotten."""

import asyncio
from collections.abc import Sequence

import pytest

from common.protocol.errors import unavailable
from common.protocol.frames import Read
from common.protocol.ids import new_id
from common.protocol.own import MoveMarker
from realtime.counters import Counters
from realtime.fan_out.hub import Hub
from realtime.sending import markers as module
from realtime.sending.markers import Markers

CHAT = new_id()


class Reader:
    def __init__(self, name: str) -> None:
        self.user = new_id()
        self.name = name


class Desk:
    """Markers of a node that has received CHAT up to 50, and what chats is asked to store."""

    def __init__(self) -> None:
        hub = Hub(lambda: 0.0)
        hub.open_room(CHAT, 50)
        self.stored: list[list[tuple[int, str]]] = []
        self.counters = Counters()
        self.is_gone = False
        self.markers = Markers(self.store, lambda _: "", hub, 1, self.counters, lambda: 0.0)

    async def store(self, _: str, moves: Sequence[MoveMarker], __: float) -> None:
        await asyncio.sleep(0)
        if self.is_gone:
            raise unavailable()
        self.stored.append([(move.seq, move.origin) for move in moves])

    def read(self, reader: Reader, *seqs: int, chat: str = CHAT) -> list[bool]:
        return [self.markers.read(reader, Read(chat=chat, up_to=seq)) for seq in seqs]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "MAX_MOVES", 2_000)


async def test_a_move_that_waits_is_raised() -> None:
    """By any socket that sends a higher seq; a lower one that came later is kept separately, and
    one that may be refused does not affect others."""
    desk, reader = Desk(), Reader("a")
    beside = Reader("b")
    beside.user = reader.user
    desk.read(reader, 5, 9, 7)
    desk.read(beside, 8)
    desk.read(reader, 51, 52)
    await desk.markers.drain()
    assert desk.stored == [[(9, "a"), (8, "b"), (51, "a"), (52, "a")]]


async def test_a_thousand_frames_of_one_chat_are_one_move() -> None:
    """A flood of frames causes one move."""
    desk, reader = Desk(), Reader("a")
    assert all(desk.read(reader, *([50] * 5_000)))
    await desk.markers.drain()
    assert desk.stored == [[(50, "a")]]


async def test_moves_beyond_the_rate_are_refused() -> None:
    """Per user; each chat counts as one."""
    desk, reader = Desk(), Reader("a")
    taken = [desk.read(reader, 1, chat=new_id())[0] for _ in range(1_031)]
    assert (taken.count(True), taken[-1]) == (1_030, False)
    assert desk.read(Reader("b"), 1) == [True]
    await desk.markers.drain()


async def test_what_chats_did_not_store_is_asked_again() -> None:
    """Until it answers; what exceeds the node's bound meanwhile is dropped, and counted."""
    desk = Desk()
    desk.is_gone = True
    readers = [Reader(str(number)) for number in range(module.MAX_MOVES + 1)]
    for reader in readers:
        assert desk.read(reader, 7) == [True]
    async with asyncio.timeout(30):
        while not desk.counters.drops["read marker not stored"]:  # noqa: ASYNC110 - polls a metric
            await asyncio.sleep(0.001)
    assert desk.counters.drops["read marker not stored"] == 1
    desk.is_gone = False
    await desk.markers.drain()
    assert sum(map(len, desk.stored)) == module.MAX_MOVES
