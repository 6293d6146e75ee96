"""Work that goes on beside what a process serves: how it begins, and how it surely ends."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from common.process.logs import log

CANCEL_AGAIN_SECONDS: Final = 2.0  # longer than any task takes to clean up


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task without which the process is not whole: where it dies the process ends, to be started
    anew."""

    def end_process(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log("a task died", level=logging.ERROR, error=repr(error))
            os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(work)
    task.add_done_callback(end_process)
    return task


async def stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels them until they are gone. Once is not enough: redis-py loses a cancellation that
    comes while it makes a connection, and goes on."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
