"""Single flight: one load for all callers of the same key, and few loads at a time."""

import asyncio

from common.protocol.errors import Refusal, unavailable
from edge.cache.single_flight import SingleFlight


class Source:
    """Loads once `go` is set; counts the loads."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.loads = self.now = self.most = 0

    async def load(self) -> int:
        self.loads += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go.wait()
        self.now -= 1
        return self.loads


async def test_those_who_want_the_same_share_a_load() -> None:
    """Also if the caller that started it is cancelled; the next load is a new one."""
    source, flights = Source(), SingleFlight[int](asyncio.Semaphore(8))
    readers = [asyncio.create_task(flights.join("a", source.load)) for _ in range(5)]
    await asyncio.sleep(0)
    readers[0].cancel()
    source.go.set()
    results = await asyncio.gather(*readers, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [1, 1, 1, 1]
    assert await flights.join("a", source.load) == 2


async def test_so_many_loads_run_at_a_time_and_no_more() -> None:
    """The others wait for their turn, and all get it."""
    source, flights = Source(), SingleFlight[int](asyncio.Semaphore(3))
    readers = [asyncio.create_task(flights.join(str(n), source.load)) for n in range(20)]
    await asyncio.sleep(0.01)
    source.go.set()
    await asyncio.gather(*readers)
    assert (source.loads, source.most) == (20, 3)


async def test_a_load_that_fails_fails_for_all_and_is_not_kept() -> None:
    """Every caller gets the error; the next call tries again."""
    flights = SingleFlight[int](asyncio.Semaphore(3))

    async def fail() -> int:
        raise unavailable()

    for _ in range(2):
        readers = [flights.join("a", fail) for _ in range(3)]
        results = await asyncio.gather(*readers, return_exceptions=True)
        assert [type(result) for result in results] == [Refusal] * 3

    async def load() -> int:
        return 7

    assert await flights.join("a", load) == 7
