"""Single flight: callers that want the same thing at the same time wait for one load of it.

A load belongs to no request: it continues when the request that started it is cancelled. The number
of concurrent loads is limited, so that empty caches cause no stampede.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Loads in progress, by key."""

    def __init__(self, at_a_time: asyncio.Semaphore) -> None:
        self._at_a_time = at_a_time
        self._under_way: dict[str, asyncio.Task[T]] = {}

    async def join(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        """Returns, or raises, the outcome of the load to every caller."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._fly(load))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(task)

    async def _fly(self, load: Callable[[], Awaitable[T]]) -> T:
        async with self._at_a_time:
            return await load()

    def _land(self, key: str, task: "asyncio.Task[T]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # callers get it too; without a caller it is dropped
