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
ANSWER_SECONDS: Final = 8.0  # a stalled disk never answers; less than a health check waits


class StoreWatch:
    """A store that is full or read-only can still be read: then the process stays ready."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._why = ""

    async def missing(self) -> str | None:
        """What is missing, for the health check, or None."""
        if (error := await _failure_of(self._store.check)) is None:
            return None
        self._note(error)
        return "the store of files"

    async def run(self) -> NoReturn:
        while True:
            self._note(await _failure_of(self._store.check_writing))
            await asyncio.sleep(FAILING_SECONDS if self._why else CHECK_SECONDS)

    def _note(self, error: StoreUnavailable | None) -> None:
        why = "" if error is None else error.why
        STORE_UP.set(not why)
        for one in WHYS:
            STORE_FAILING.labels(one).set(one == why)
        if error is not None and why != self._why:
            log("the store of files fails", level=logging.WARNING, why=why, error=str(error))
        self._why = why


async def _failure_of(check: Callable[[], Awaitable[None]]) -> StoreUnavailable | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await check()
    except StoreUnavailable as error:
        return error
    except TimeoutError:
        return StoreUnavailable(f"no answer within {ANSWER_SECONDS:.0f} s")
    return None
