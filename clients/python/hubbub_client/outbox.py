"""Changes on their way: in the order of their making in each chat, each until it is answered.

A change is in the store before anything is sent, and leaves it with its answer, so that a program
that starts again goes on where it ended. Its key makes every repeat safe.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from hubbub_client.errors import NoAnswer, Transient
from hubbub_client.store import Store

PAUSE_SECONDS: Final = 0.5
_PREFIX: Final = "unsent "


class Change(msgspec.Struct, frozen=True):
    """`method`, `path` and `body` of the call that makes it; `key` is its idempotency key, of a
    message its client id."""

    key: str
    chat: str
    method: str
    path: str
    body: dict[str, Any] | None = None


Perform = Callable[[Change], Awaitable[dict[str, Any]]]


class Outbox:
    """`perform` makes one attempt. Raises what the server refused for good to whoever awaits."""

    def __init__(self, store: Store, perform: Perform) -> None:
        self._store = store
        self._perform = perform
        self._lanes: dict[str, deque[tuple[Change, asyncio.Future[dict[str, Any]]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def resume(self) -> None:
        """What an earlier program left. Nobody awaits it; a refusal ends it."""
        for name in self._store.names(_PREFIX):
            value = self._store.get(name)
            if value is not None:
                self._queue(msgspec.json.decode(value, type=Change))

    async def put(self, change: Change) -> dict[str, Any]:
        """The answer. Who stops waiting takes nothing back: the change is made all the same."""
        self._store.put(_PREFIX + change.key, msgspec.json.encode(change))
        return await asyncio.shield(self._queue(change))

    async def empty(self) -> None:
        """Waits until everything is answered."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """What is unsent stays in the store."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _queue(self, change: Change) -> asyncio.Future[dict[str, Any]]:
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        answered.add_done_callback(_look)
        lane = self._lanes.setdefault(change.chat, deque())
        lane.append((change, answered))
        if len(lane) == 1:
            task = asyncio.create_task(self._run(change.chat))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return answered

    async def _run(self, chat: str) -> None:
        lane = self._lanes[chat]
        try:
            while lane:
                change, answered = lane[0]
                await self._settle(change, answered)
                lane.popleft()
        finally:
            for _, answered in lane:
                answered.cancel()
            del self._lanes[chat]

    async def _settle(self, change: Change, answered: asyncio.Future[dict[str, Any]]) -> None:
        while True:
            try:
                result = await self._perform(change)
            except Transient as refused:
                await asyncio.sleep(max(PAUSE_SECONDS, refused.retry_after))
            except NoAnswer:
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception as error:
                self._store.remove(_PREFIX + change.key)
                if not answered.done():
                    answered.set_exception(error)
                return
            else:
                self._store.remove(_PREFIX + change.key)
                with contextlib.suppress(asyncio.InvalidStateError):
                    answered.set_result(result)
                return


def _look(answered: asyncio.Future[dict[str, Any]]) -> None:
    """Nobody may be waiting; then asyncio need not complain."""
    if not answered.cancelled():
        answered.exception()
