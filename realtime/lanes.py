"""Micro-batches: what is asked while the last call runs goes out as the next one. No timer.

A lane is one stream of calls, one at a time, so what is asked under one key is answered in order.
Knows nothing of what is asked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

from common.errors import Refusal, unavailable
from common.logs import current_trace, log

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Lane(Generic[Item, Result]):
    def __init__(self) -> None:
        self.waiting: list[tuple[str, Item, Callable[[Result | Refusal], None], str]] = []
        self.task: asyncio.Task[None] | None = None


class Lanes(Generic[Item, Result]):
    """`lane_of` names a key's lane (the replica that owns it); `call` gets the first item's key and
    the items, and returns a result each or raises Refusal for all."""

    def __init__(
        self,
        lane_of: Callable[[str], str],
        call: Callable[[str, list[Item]], Awaitable[list[Result]]],
        max_items: int,
    ) -> None:
        self._lane_of = lane_of
        self._call = call
        self._max_items = max_items
        self._lanes: dict[str, _Lane[Item, Result]] = {}
        # Where a key has items waiting, so that it keeps its order when its owner changes.
        self._pinned: dict[str, tuple[str, int]] = {}
        self.calls = 0
        self.items = 0

    def ask(self, key: str, item: Item, done: Callable[[Result | Refusal], None]) -> None:
        """`done` is called once, from the loop."""
        name, waiting = self._pinned.get(key) or (self._lane_of(key), 0)
        self._pinned[key] = (name, waiting + 1)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        lane.waiting.append((key, item, done, current_trace.get()))
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(name, lane))

    async def fetch(self, key: str, item: Item) -> Result:
        """The same for one who waits. Raises Refusal."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def done(result: Result | Refusal) -> None:
            if future.done():  # the asker went away
                return
            if isinstance(result, Refusal):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.ask(key, item, done)
        return await future

    @property
    def is_idle(self) -> bool:
        return not self._lanes

    async def _run(self, name: str, lane: _Lane[Item, Result]) -> None:
        while lane.waiting:
            batch, lane.waiting = lane.waiting[: self._max_items], lane.waiting[self._max_items :]
            self.calls += 1
            self.items += len(batch)
            current_trace.set(batch[0][3])
            results: list[Result] | list[Refusal]
            try:
                results = await self._call(batch[0][0], [item for _, item, _, _ in batch])
            except Refusal as refusal:
                results = [refusal] * len(batch)
            except Exception:  # an answer that cannot be read: its askers must hear of it
                log("batched call failed", level=logging.ERROR, exception=True)
                results = [unavailable()] * len(batch)
            for (key, _, done, _), result in zip(batch, results, strict=True):
                self._unpin(key)
                try:
                    done(cast("Result | Refusal", result))
                except Exception:  # one asker's trouble must not end the lane of all others
                    log("an answer was not taken", level=logging.ERROR, exception=True)
        del self._lanes[name]

    def _unpin(self, key: str) -> None:
        name, waiting = self._pinned[key]
        if waiting == 1:
            del self._pinned[key]
        else:
            self._pinned[key] = (name, waiting - 1)
