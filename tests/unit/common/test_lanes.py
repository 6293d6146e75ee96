"""A lane serves all callers in order, whatever happens to one of them."""

import asyncio
from functools import partial

import pytest

from common.calls import lanes as module
from common.calls.lanes import FEWEST_GATHERED, Lanes
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


async def test_a_lane_may_pause_between_calls() -> None:
    """A single item is sent at once; items soon after it share the next call. After a call of many
    the pause is twice as long."""
    calls: list[tuple[float, list[int]]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append((module.time.monotonic(), items))
        return items

    lanes: Lanes[int, int] = Lanes(
        lambda _: "", call, max_items=3, pause=0.05, crowd=3,
        clock=lambda: 100.0,  # no time passes between the start of a call and its pause
    )  # fmt: skip
    await lanes.fetch("a", 1)
    await asyncio.gather(*(lanes.fetch("a", item) for item in (2, 3, 4, 5)))
    (first, _), (second, _), (third, _) = calls
    assert [items for _, items in calls] == [[1], [2, 3, 4], [5]]
    assert second - first >= 0.05
    assert third - second >= 0.1


async def test_a_lane_may_gather_a_crowd() -> None:
    """A caller that is answered in a crowd and asks again joins those who asked meanwhile; a few
    callers do not wait."""
    calls: list[list[int]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        await asyncio.sleep(0.02)
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=99, gather=1.0)
    again = partial(lanes.ask, "", -1, lambda _: None)

    def ask_soon(_: object) -> None:
        asyncio.get_running_loop().call_soon(again)

    async def send(crowd: range) -> None:
        for item in crowd:
            lanes.ask("", item, ask_soon if item == 0 else lambda _: None)
        await asyncio.sleep(0)
        lanes.ask("", 99, lambda _: None)
        while not lanes.is_idle:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.001)

    await send(range(FEWEST_GATHERED))
    await send(range(FEWEST_GATHERED - 1))
    assert calls == [
        [*range(FEWEST_GATHERED)], [99, -1],
        [*range(FEWEST_GATHERED - 1)], [99], [-1],
    ]  # fmt: skip


async def test_a_pause_ends_when_all_have_come_back() -> None:
    """Callers that were answered, and those who asked meanwhile, wait for each other and for nobody
    else."""
    calls: list[list[int]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        await asyncio.sleep(0.01)
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=9, pause=3600, returning=True)

    async def ask_twice(item: int) -> None:
        await lanes.fetch("", item)
        await lanes.fetch("", 10 + item)

    async def ask_meanwhile() -> None:
        while not calls:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)
        await lanes.fetch("", 7)

    async with asyncio.timeout(60):
        await asyncio.gather(*map(ask_twice, range(3)), ask_meanwhile())
    assert [sorted(items) for items in calls] == [[0, 1, 2], [7, 10, 11, 12]]


async def test_whoever_does_not_come_back_is_waited_for_until_the_pause_ends() -> None:
    """At the end of the pause the next call leaves without the missing callers."""
    calls: list[list[int]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=9, pause=0.01, returning=True)
    async with asyncio.timeout(60):
        await asyncio.gather(*(lanes.fetch("", item) for item in range(3)))
        assert await lanes.fetch("", 3) == 3
    assert calls == [[0, 1, 2], [3]]


async def test_few_do_not_wait_for_others() -> None:
    """After a call of fewer than `fewest` the next one begins at once, after one of so many it
    waits for all."""
    calls: list[list[int]] = []
    meanwhile = {0: [1], 1: [2, 3], 2: [4]}  # asked while the call with that item runs

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        for item in items:
            for another in meanwhile.get(item, ()):
                lanes.ask("", another, lambda _: None)
        return items

    lanes: Lanes[int, int] = Lanes(
        lambda _: "", call, max_items=9, pause=3600, fewest=2, returning=True
    )
    async with asyncio.timeout(60):
        lanes.ask("", 0, lambda _: None)
        while len(calls) < 3:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)
        await asyncio.gather(lanes.fetch("", 5), lanes.fetch("", 6))
    assert calls == [[0], [1], [2, 3], [4, 5, 6]]


async def test_so_many_that_wait_are_sent_before_others_are_told() -> None:
    """What `ahead` says, although it does not fill a call."""
    seen: list[str] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        seen.append(" ".join(["call", *map(str, items)]))
        if 0 in items:
            for item in (1, 2, 3):
                lanes.ask("", item, lambda result: seen.append(f"told {result}"))
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=9, pause=3600, ahead=3)
    lanes.ask("", 0, lambda result: seen.append(f"told {result}"))
    async with asyncio.timeout(60):
        while len(seen) < 3:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)
    assert seen[:3] == ["call 0", "call 1 2 3", "told 0"]


async def test_a_full_batch_does_not_wait_for_the_pause() -> None:
    """As many as fit into one call are sent at once, right after a call that has just started."""

    async def call(_: str, items: list[int], __: float) -> list[int]:
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=3, pause=3600)
    asked = [lanes.fetch("a", item) for item in range(6)]
    assert await asyncio.wait_for(asyncio.gather(*asked), 60) == list(range(6))


@pytest.mark.parametrize(
    ("items", "order"),
    [
        (4, ["call 0 1", "call 2 3", "told 0", "told 1", "told 2", "told 3"]),
        (3, ["call 0 1", "told 0", "told 1", "call 2", "told 2"]),
    ],
)
async def test_a_full_batch_leaves_before_others_are_told(items: int, order: list[str]) -> None:
    """Answering many callers takes as long as a call; what does not fill a call waits for callers
    that ask again."""
    seen: list[str] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        seen.append(" ".join(["call", *map(str, items)]))
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=2)
    for item in range(items):
        lanes.ask("a", item, lambda result: seen.append(f"told {result}"))
    async with asyncio.timeout(5):
        while not lanes.is_idle:  # noqa: ASYNC110 - no event when a lane ends
            await asyncio.sleep(0)
    assert seen == order


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
    async with asyncio.timeout(5):
        with pytest.raises(Refusal, match="unavailable"):
            await lanes.fetch("a", 1)
        assert await lanes.fetch("a", 2) == 2
    assert lanes.is_idle


async def test_a_lane_that_is_cancelled_leaves_nobody_waiting() -> None:
    """At the end of a process, callers in a call, or waiting for the next one, are refused."""

    async def call(_: str, items: list[int], __: float) -> list[int]:
        raise asyncio.CancelledError

    lanes: Lanes[int, int] = Lanes(lambda _: "replica", call, max_items=1)
    async with asyncio.timeout(5):
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
    async with asyncio.timeout(5):
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
    assert asked[2].done() or await asyncio.wait({asked[2]}, timeout=1)
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
