"""A lane serves all callers in order, whatever happens to one of them."""

import asyncio

import pytest

from common.calls import lanes as module
from common.calls.lanes import Lanes
from common.protocol.errors import Refusal, unavailable


async def test_what_piles_up_during_a_call_is_the_next_call() -> None:
    """One call at a time in a lane; each caller gets its results, in order."""
    calls: list[list[int]] = []
    gate = asyncio.Event()

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        await gate.wait()
        return [item * 10 for item in items]

    lanes: Lanes[int, int] = Lanes(lambda key: key[0], call, max_items=3)
    asked = [asyncio.create_task(lanes.fetch("a", item)) for item in range(6)]
    other = asyncio.create_task(lanes.fetch("b", 9))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked.append(asyncio.create_task(lanes.fetch("a", 6)))
    gate.set()
    assert await asyncio.gather(*asked, other) == [0, 10, 20, 30, 40, 50, 60, 90]
    assert sorted(calls) == [[0, 1, 2], [3, 4, 5], [6], [9]]
    assert lanes.is_idle


async def test_a_key_stays_in_its_lane_while_it_waits() -> None:
    """When a chat's owner changes, later items do not overtake earlier ones."""
    owner = "one"
    gate = asyncio.Event()
    done: list[int] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        await gate.wait()
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: owner, call, max_items=1)
    lanes.ask("chat", 1, lambda result: done.append(1))
    await asyncio.sleep(0)
    owner = "two"
    lanes.ask("chat", 2, lambda result: done.append(2))
    lanes.ask("chat", 3, lambda result: done.append(3))
    gate.set()
    assert await lanes.fetch("chat", 4) == 4
    assert done == [1, 2, 3]


async def test_a_lane_that_fails_tells_everybody_and_goes_on() -> None:
    """A refusal reaches each item; a nonsensical answer is `unavailable`."""
    answers: list[Exception] = [unavailable(), ValueError("not readable")]

    async def call(_: str, items: list[int], __: float) -> list[int]:
        if answers:
            raise answers.pop(0)
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=10)
    for _ in range(2):
        with pytest.raises(Refusal, match="unavailable"):
            await lanes.fetch("a", 1)
    assert await lanes.fetch("a", 1) == 1


async def test_a_batch_is_bounded_in_bytes() -> None:
    """What exceeds the limit goes with the next call; one item above it goes alone."""
    calls: list[list[int]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        return items

    lanes: Lanes[int, int] = Lanes(
        lambda _: "", call, max_items=10, size_of=lambda item: item, max_size=10
    )
    await asyncio.gather(*(lanes.fetch("a", item) for item in (3, 7, 1, 50, 2)))
    assert calls == [[3, 7], [1], [50], [2]]


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_call_has_the_time_that_its_oldest_item_has_left() -> None:
    """After a wait of half a second it has four and a half more."""
    clock = Clock()
    seconds: list[float] = []
    gate = asyncio.Event()

    async def call(_: str, items: list[int], left: float) -> list[int]:
        seconds.append(left)
        await gate.wait()
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=10, clock=clock)
    asked = [asyncio.create_task(lanes.fetch("a", 1))]
    while not seconds:  # noqa: ASYNC110 - polls a list
        await asyncio.sleep(0)
    asked.append(asyncio.create_task(lanes.fetch("a", 2)))
    await asyncio.sleep(0)
    clock.now += 0.5
    gate.set()
    await asyncio.gather(*asked)
    assert seconds == [5.0, 4.5]


async def test_what_waited_through_an_outage_takes_no_time_from_what_came_later() -> None:
    """Items of different ages go in different calls, and expired ones in none."""
    clock = Clock()
    calls: list[tuple[list[int], float]] = []
    gate = asyncio.Event()

    async def call(_: str, items: list[int], left: float) -> list[int]:
        calls.append((items, left))
        await gate.wait()
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=10, clock=clock)
    asked = []
    for item in range(4):
        asked.append(asyncio.create_task(lanes.fetch("a", item)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        clock.now += 1.75
    gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert calls == [([0], 5.0), ([2], 1.5), ([3], 3.25)]
    assert results[0] == 0
    assert isinstance(results[1], Refusal)
    assert results[2:] == [2, 3]


@pytest.mark.parametrize("answer", [[], [1, 2]])
async def test_an_answer_of_the_wrong_size_ends_no_lane(answer: list[int]) -> None:
    """Its callers are refused, and the next one in the same lane is served."""
    answers = [answer]

    async def call(_: str, items: list[int], __: float) -> list[int]:
        return answers.pop() if answers else items

    lanes: Lanes[int, int] = Lanes(lambda _: "replica", call, max_items=10)
    async with asyncio.timeout(30):
        with pytest.raises(Refusal, match="unavailable"):
            await lanes.fetch("a", 1)
        assert await lanes.fetch("a", 2) == 2
    assert lanes.is_idle


async def test_a_lane_that_is_cancelled_leaves_nobody_waiting() -> None:
    """At the end of a process, callers in a call, or waiting for the next one, are refused."""

    async def call(_: str, items: list[int], __: float) -> list[int]:
        raise asyncio.CancelledError

    lanes: Lanes[int, int] = Lanes(lambda _: "replica", call, max_items=1)
    async with asyncio.timeout(30):
        asked = [asyncio.create_task(lanes.fetch("a", item)) for item in range(2)]
        results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [Refusal, Refusal]
    assert lanes.is_idle


async def test_a_call_ahead_that_is_cancelled_leaves_nobody_waiting() -> None:
    """The callers of the previous call get their results."""

    async def call(_: str, items: list[int], __: float) -> list[int]:
        if items == [0]:
            return items
        raise asyncio.CancelledError

    lanes: Lanes[int, int] = Lanes(lambda _: "replica", call, max_items=1)
    async with asyncio.timeout(30):
        asked = [asyncio.create_task(lanes.fetch("a", item)) for item in range(3)]
        results = await asyncio.gather(*asked, return_exceptions=True)
    assert results[0] == 0
    assert [type(result) for result in results[1:]] == [Refusal, Refusal]
    assert lanes.is_idle


async def test_too_many_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded however slow the server is."""
    monkeypatch.setattr(module, "MAX_WAITING_ITEMS", 2)
    gate = asyncio.Event()

    async def call(_: str, items: list[int], __: float) -> list[int]:
        await gate.wait()
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=10)
    asked = [asyncio.create_task(lanes.fetch("a", item)) for item in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        with pytest.raises(Refusal, match="unavailable"):
            await asked[2]
    gate.set()
    assert await asyncio.gather(*asked[:2]) == [0, 1]
    assert await lanes.fetch("a", 5) == 5


async def test_an_asker_that_breaks_does_not_end_the_lane() -> None:
    """Items sent with it and after it get an answer."""

    async def call(_: str, items: list[int], __: float) -> list[int]:
        return items

    def break_down(_: object) -> None:
        raise RuntimeError("the handler is closed")

    lanes: Lanes[int, int] = Lanes(lambda _: "replica", call, max_items=10)
    lanes.ask("chat", 1, break_down)
    assert await lanes.fetch("chat", 2) == 2
    assert await lanes.fetch("chat", 3) == 3
    assert lanes.is_idle
