"""How a command ends on Ctrl-C, SIGTERM or a closed terminal: its child processes end first, and
its temporary files, such as those with passwords, are removed."""

import asyncio
import os
import signal
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """The operator, or the end of the session, interrupted the command."""


def run_unless_told(work: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run. Raises Interrupted."""
    return asyncio.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    is_told = threading.current_thread() is threading.main_thread()  # only it receives signals
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if is_told else ():
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup has SIGHUP ignored
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await work
    except asyncio.CancelledError as error:
        raise Interrupted("It was interrupted before it was done.") from error


@asynccontextmanager
async def ending(
    starting: Coroutine[Any, Any, Process], *, group: bool = False
) -> AsyncIterator[Process]:
    """A process that does not outlive the block; with `group`, neither does the process group that
    it leads: even if the block is left before it has started."""
    started = asyncio.ensure_future(starting)
    try:
        yield await asyncio.shield(started)  # if cancelled, asyncio would kill it without its group
    finally:
        process = await started
        if process.returncode is None:
            with suppress(ProcessLookupError):
                if group:
                    os.killpg(process.pid, signal.SIGTERM)
                else:
                    process.terminate()
            await process.wait()
