"""Whether the store can be read and written: for this process's health, Prometheus and the
doctor."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from common.process.logs import log
from files.metrics import STORE_FAILING, STORE_UP
from files.store import WHYS, FileStore, StoreUnavailable

CHECK_SECONDS: Final = 15.0  # stores may charge per request
FAILING_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 8.0  # less than the health check of a container waits


class StoreWatch:
    """A store that is full or read-only can still be read: then the process stays ready."""

    def __init__(self, store: FileStore) -> None:
        self._reading, self._writing = _Check(store.check), _Check(store.check_writing)
        self._why = ""

    async def missing(self) -> str | None:
        """What is missing, for the health check, or None."""
        if (error := await self._reading.failure()) is None:
            return None
        self._note(error)
        return "the store of files"

    async def run(self) -> NoReturn:
        while True:
            self._note(await self._writing.failure())
            await asyncio.sleep(FAILING_SECONDS if self._why else CHECK_SECONDS)

    def _note(self, error: StoreUnavailable | None) -> None:
        why = "" if error is None else error.why
        STORE_UP.set(not why)
        for one in WHYS:
            STORE_FAILING.labels(one).set(one == why)
        if error is not None and why != self._why:
            log("the store of files fails", level=logging.WARNING, why=why, error=str(error))
        self._why = why


class _Check:
    """One at a time: on a disk that stalls each keeps a thread of the store for good."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._task: asyncio.Task[StoreUnavailable | None] | None = None

    async def failure(self) -> StoreUnavailable | None:
        """Of this check, or of the one that is still in progress."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        done, _ = await asyncio.wait({task := self._task}, timeout=ANSWER_SECONDS)
        if not done:
            return StoreUnavailable(f"no answer within {ANSWER_SECONDS:.0f} s")
        return task.result()

    async def _run(self) -> StoreUnavailable | None:
        try:
            await self._check()
        except StoreUnavailable as error:
            return error
        return None
