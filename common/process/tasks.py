"""Tasks of a process and futures: starting background work, making sure that it ends, answering
those who wait."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

from common.process.logs import log

T = TypeVar("T")

CANCEL_AGAIN_SECONDS: Final = 2.0  # longer than any task takes to clean up


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that the process cannot do without: if it fails, the process exits, to be started
    again."""

    def end_process(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log("a task died", level=logging.ERROR, error=repr(error))
            os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(work)
    task.add_done_callback(end_process)
    return task


async def stop(tasks: Iterable[asyncio.Task[object]]) -> None:
    """Cancels them until they are done. Once is not enough: redis-py loses a cancellation that
    arrives while it connects, and goes on."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)


def set_unless_done(future: asyncio.Future[T], result: T) -> None:
    """Its caller may have been cancelled meanwhile."""
    if not future.done():
        future.set_result(result)
