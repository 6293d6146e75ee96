"""What a node announces about its users, to whom, and what it stores of that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest

from common.valkey.topics import Topics
from common.valkey.valkey import Valkey
from realtime.counters import Counters
from realtime.fan_out.hub import Hub
from realtime.presence.messages import THERE, Asks, SaidOf, decode_tells
from realtime.presence.telling import Teller
from tests.fixtures.ears import Ear

TOPICS = Topics()


class Board:
    """Replaces Valkey: what was published, and the node's hash. `hearers` are by topic. While it
    `is_slow`, its answers wait in `late`."""

    def __init__(self) -> None:
        self.topics = TOPICS
        self.published: list[tuple[str, bytes]] = []
        self.hearers: dict[str, int] = {}
        self.kept: dict[str, str] = {}
        self.is_gone = False
        self.is_slow = False
        self.late: list[Callable[[], None]] = []

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> "asyncio.Future[Any]":
        sent = list(messages)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.is_gone:
            done.set_result(None)
        else:
            self.published += sent
            heard = [self.hearers.get(topic, 0) for topic, _ in sent]
            if self.is_slow:
                self.late.append(partial(done.set_result, heard))
            else:
                done.set_result(heard)
        return done

    async def keep_fields(
        self, _: str, values: Mapping[str, str], gone: Sequence[str], *, seconds: int
    ) -> bool:
        self.kept |= values
        for user in gone:
            self.kept.pop(user, None)
        return not self.is_gone

    def now_ms(self) -> int:
        return 1_800_000_000_000

    async def renew_lease(self, *_: Any) -> bool:
        return not self.is_gone

    def take(self) -> list[tuple[str, list[SaidOf]]]:
        """Topics, and what was announced."""
        published, self.published = self.published, []
        return [(topic, decode_tells(data).people) for topic, data in published]


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.board = Board()
        self.hub = Hub(lambda: self.now)
        self.teller = Teller(
            "node", self.hub, cast(Valkey, self.board), Counters(), lambda: self.now
        )

    async def tell(self) -> list[tuple[str, list[SaidOf]]]:
        """Announces after a second."""
        self.now += 1.0
        await self.teller.tell()
        return self.board.take()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Announces after a second; Valkey's answer comes after the block."""
        self.now += 1.0
        self.board.is_slow = True
        telling = asyncio.create_task(self.teller.tell())
        await asyncio.sleep(0)
        self.board.take()
        self.board.is_slow = False
        yield
        while self.board.late:
            self.board.late.pop()()
        await telling


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_whom_nobody_watches_is_told_once(scene: Scene) -> None:
    """When they come; nothing is stored, whatever they do then."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]
    scene.hub.set_active(ear, False)
    scene.hub.leave(ear)
    assert await scene.tell() == []
    assert scene.board.kept == {}


async def test_news_reach_those_who_watched_before_somebody_asks(scene: Scene) -> None:
    """The answer to one node does not inform the others."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    await scene.tell()
    await scene.teller.answer(Asks("first", 1, ["ann", "nobody"]))
    assert scene.board.take() == [(TOPICS.presence_node("first"), [SaidOf("ann", True, THERE)])]
    assert scene.board.kept == {"ann": "1"}
    scene.board.hearers[TOPICS.presence("ann")] = 2
    scene.hub.set_active(ear, False)
    await scene.teller.answer(Asks("second", 1, ["ann"]))
    assert scene.board.take() == [(TOPICS.presence_node("second"), [SaidOf("ann", False, THERE)])]
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", False, THERE)])]
    assert scene.board.kept == {"ann": "0"}
    scene.hub.enter(Ear("ann"))  # an active one
    scene.hub.set_active(ear, True)
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]
    scene.hub.set_active(ear, False)
    assert await scene.tell() == []  # nothing has changed


async def test_an_arrival_reaches_those_who_watched_before_somebody_asks(scene: Scene) -> None:
    """It is due, and not published yet, when another node begins to watch."""
    scene.hub.enter(Ear("ann"))
    scene.board.hearers[TOPICS.presence("ann")] = 2
    await scene.teller.answer(Asks("second", 1, ["ann"]))
    assert scene.board.take() == [(TOPICS.presence_node("second"), [SaidOf("ann", True, THERE)])]
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]
    assert await scene.tell() == []


async def test_a_change_while_the_arrival_is_published_is_told(scene: Scene) -> None:
    """Until Valkey has answered, the node does not know that anybody watches."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    scene.board.hearers[TOPICS.presence("ann")] = 1
    async with scene.telling():
        scene.hub.set_active(ear, False)
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", False, THERE)])]
    assert await scene.tell() == []


@pytest.mark.parametrize("is_watched", [False, True])
async def test_a_question_while_nobody_hears_the_news_counts(
    scene: Scene, is_watched: bool
) -> None:
    """The node that asked has subscribed since; it is told the next change."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    if is_watched:  # by a node that is gone
        await scene.teller.answer(Asks("first", 1, ["ann"]))
    async with scene.telling():
        scene.board.hearers[TOPICS.presence("ann")] = 1
        await scene.teller.answer(Asks("second", 1, ["ann"]))
    scene.board.take()
    scene.hub.set_active(ear, False)
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", False, THERE)])]


async def test_a_change_that_only_an_answer_told_is_undone_there_too(scene: Scene) -> None:
    """Others were not told of it: to them nothing has changed."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    scene.board.hearers[TOPICS.presence("ann")] = 2
    await scene.tell()
    scene.hub.set_active(ear, False)
    await scene.teller.answer(Asks("second", 1, ["ann"]))
    assert scene.board.take() == [(TOPICS.presence_node("second"), [SaidOf("ann", False, THERE)])]
    scene.hub.set_active(ear, True)
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]


async def test_what_an_answer_tells_while_news_are_published_is_undone_too(scene: Scene) -> None:
    """And news that were published are, if the answer already told what holds again."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    scene.board.hearers[TOPICS.presence("ann")] = 2
    async with scene.telling():
        scene.hub.set_active(ear, False)
        await scene.teller.answer(Asks("second", 1, ["ann"]))
        scene.hub.set_active(ear, True)
    scene.board.take()
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]
    scene.hub.set_active(ear, False)
    async with scene.telling():
        scene.hub.set_active(ear, True)
        await scene.teller.answer(Asks("second", 2, ["ann"]))
    scene.board.take()
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]


async def test_nobody_hears_it_any_more(scene: Scene) -> None:
    """Then it ends, and nothing is stored."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    await scene.teller.answer(Asks("first", 1, ["ann"]))
    scene.board.hearers[TOPICS.presence("ann")] = 1
    await scene.tell()
    scene.board.hearers.clear()
    scene.hub.set_active(ear, False)
    scene.board.take()
    assert len(await scene.tell()) == 1
    scene.hub.set_active(ear, True)
    assert await scene.tell() == []
    assert scene.board.kept == {}


async def test_what_valkey_did_not_take_is_told_later(scene: Scene) -> None:
    """With the state at that time."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    scene.board.hearers[TOPICS.presence("ann")] = 1
    await scene.teller.answer(Asks("first", 1, ["ann"]))
    await scene.tell()
    scene.board.is_gone = True
    scene.hub.set_active(ear, False)
    assert await scene.tell() == []
    scene.hub.leave(ear)
    scene.board.is_gone = False
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", False, 1000)])]


async def test_what_valkey_may_have_told_is_undone(scene: Scene) -> None:
    """It did not answer; meanwhile the state is again the one that was told before."""
    ear = Ear("ann")
    scene.hub.enter(ear)
    scene.board.hearers[TOPICS.presence("ann")] = 1
    await scene.tell()
    scene.board.is_gone = True
    scene.hub.set_active(ear, False)
    assert await scene.tell() == []
    scene.hub.set_active(ear, True)
    scene.board.is_gone = False
    assert await scene.tell() == [(TOPICS.presence("ann"), [SaidOf("ann", True, THERE)])]
