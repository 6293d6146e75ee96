"""Micro-batches: what piled up while the last call to a replica ran is the next one.

No timer: an item that finds its replica's lane idle leaves at once. Knows nothing of HTTP and of
what the items are.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from common.calls import DEADLINE_SECONDS
from common.errors import unavailable
from common.logs import current_trace, log

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WAITING_ITEMS: Final = 10_000  # more than that would not be sent within their 5 s


class _Waiting(Generic[Item, Result]):
    __slots__ = ("deadline", "done", "item", "trace")

    def __init__(self, item: Item, done: "asyncio.Future[Result]") -> None:
        self.item = item
        self.done = done
        self.trace = current_trace.get()
        self.deadline = time.monotonic() + DEADLINE_SECONDS


class Lanes(Generic[Item, Result]):
    """One lane for each replica; a lane has one call under way at a time."""

    def __init__(
        self,
        replica_of: Callable[[Item], str],
        call: Callable[[list[Item], float], Awaitable[Sequence[Result]]],
        *,
        max_items: int,
        size_of: Callable[[Item], int] = lambda _: 0,
        max_size: int = 0,
    ) -> None:
        """`call` gets a batch and the seconds that are left for it; its results are in the batch's
        order. `size_of` are bytes that count against a batch's `max_size`."""
        self._replica_of = replica_of
        self._call = call
        self._max_items = max_items
        self._size_of = size_of
        self._max_size = max_size
        self._lanes: dict[str, list[_Waiting[Item, Result]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def send(self, item: Item) -> Result:
        """Its result. Raises what the call of its batch raised, or Refusal unavailable."""
        if self._waiting >= MAX_WAITING_ITEMS:
            raise unavailable()
        waiting = _Waiting[Item, Result](item, asyncio.get_running_loop().create_future())
        replica = self._replica_of(item)
        lane = self._lanes.get(replica)
        if lane is None:
            self._lanes[replica] = [waiting]
            task = asyncio.create_task(self._run_lane(replica))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            lane.append(waiting)
        self._waiting += 1
        try:
            return await waiting.done
        finally:
            self._waiting -= 1

    async def _run_lane(self, replica: str) -> None:
        """Sends until nothing waits; the lane goes with its last batch."""
        lane = self._lanes[replica]
        try:
            while lane:
                await self._send_batch(self._take_batch(lane))
        finally:
            del self._lanes[replica]
            for waiting in lane:
                waiting.done.cancel()

    async def _send_batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        current_trace.set(batch[0].trace)
        if len(batch) > 1:
            log("batch", traces=[waiting.trace for waiting in batch])
        left = min(waiting.deadline for waiting in batch) - time.monotonic()
        try:
            results = await self._call([waiting.item for waiting in batch], max(left, 0.0))
        except Exception as error:  # whatever it is, everybody who waits must hear it
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(result)

    def _take_batch(self, lane: list[_Waiting[Item, Result]]) -> list[_Waiting[Item, Result]]:
        """The oldest of what waits, within the bounds of a request."""
        size = 0
        for count, waiting in enumerate(lane):
            size += self._size_of(waiting.item)
            if count == self._max_items or (count and size > self._max_size):
                break
        else:
            count = len(lane)
        batch, lane[:] = lane[:count], lane[count:]
        return batch
