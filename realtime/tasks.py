"""Short-lived tasks of a node."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from common.process.tasks import stop

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task that ends with the node at the latest."""


class Tasks:
    """A bug in one is logged, and does not end the others."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finish)

    async def stop(self) -> None:
        await stop(self._running)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logging.getLogger("hubbub").error("task failed", exc_info=error)
