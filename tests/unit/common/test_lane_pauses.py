"""When the next call of a lane leaves: pauses, crowds, batches that are sent ahead."""

import asyncio
import time
from functools import partial

import pytest

from common.calls.lanes import FEWEST_GATHERED, Lanes, Spacing


async def test_a_lane_may_pause_between_calls() -> None:
    """A single item is sent at once; items soon after it share the next call. After a call of many
    the pause is twice as long."""
    calls: list[tuple[float, list[int]]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append((time.monotonic(), items))
        return items

    lanes: Lanes[int, int] = Lanes(
        lambda _: "", call, max_items=3, spacing=Spacing(0.05, crowd=3),
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

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=99, spacing=Spacing(gather=1.0))
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

    lanes: Lanes[int, int] = Lanes(
        lambda _: "", call, max_items=9, spacing=Spacing(3600, returning=True)
    )

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

    lanes: Lanes[int, int] = Lanes(
        lambda _: "", call, max_items=9, spacing=Spacing(0.01, returning=True)
    )
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
        lambda _: "", call, max_items=9, spacing=Spacing(3600, fewest=2, returning=True)
    )
    async with asyncio.timeout(60):
        lanes.ask("", 0, lambda _: None)
        while len(calls) < 3:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)
        await asyncio.gather(lanes.fetch("", 5), lanes.fetch("", 6))
    assert calls == [[0], [1], [2, 3], [4, 5, 6]]


async def test_many_do_not_wait_for_others() -> None:
    """After a call of `many` items the next one begins at once."""
    calls: list[list[int]] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        calls.append(items)
        if items == [0, 1, 2]:
            lanes.ask("", 3, lambda _: None)
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=9, spacing=Spacing(3600, many=3))
    for item in range(3):
        lanes.ask("", item, lambda _: None)
    async with asyncio.timeout(60):
        while len(calls) < 2:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)
    assert calls == [[0, 1, 2], [3]]


async def test_so_many_that_wait_are_sent_before_others_are_told() -> None:
    """What `ahead` says, although it does not fill a call."""
    seen: list[str] = []

    async def call(_: str, items: list[int], __: float) -> list[int]:
        seen.append(" ".join(["call", *map(str, items)]))
        if 0 in items:
            for item in (1, 2, 3):
                lanes.ask("", item, lambda result: seen.append(f"told {result}"))
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=9, spacing=Spacing(3600, ahead=3))
    lanes.ask("", 0, lambda result: seen.append(f"told {result}"))
    async with asyncio.timeout(60):
        while len(seen) < 3:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)
    assert seen[:3] == ["call 0", "call 1 2 3", "told 0"]


async def test_a_full_batch_does_not_wait_for_the_pause() -> None:
    """As many as fit into one call are sent at once, right after a call that has just started."""

    async def call(_: str, items: list[int], __: float) -> list[int]:
        return items

    lanes: Lanes[int, int] = Lanes(lambda _: "", call, max_items=3, spacing=Spacing(3600))
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
    async with asyncio.timeout(30):
        while not lanes.is_idle:  # noqa: ASYNC110 - no event when a lane ends
            await asyncio.sleep(0)
    assert seen == order
