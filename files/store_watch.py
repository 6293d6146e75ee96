"""Whether the store can be read and written: for this process's health, Prometheus and the
doctor."""

import asyncio
import logging
from typing import Final, NoReturn

from common.process.logs import log
from files.metrics import STORE_FAILING, STORE_UP
from files.store import WHYS, FileStore, StoreUnavailable

CHECK_SECONDS: Final = 15.0  # stores may charge per request
FAILING_SECONDS: Final = 3.0


class StoreWatch:
    """A store that is full or read-only can still be read: then the process stays ready."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._why = ""

    async def missing(self) -> str | None:
        """What is missing, for the health check, or None."""
        try:
            await self._store.check()
        except StoreUnavailable as error:
            self._note(error)
            return "the store of files"
        return None

    async def run(self) -> NoReturn:
        while True:
            try:
                await self._store.check_writing()
            except StoreUnavailable as error:
                self._note(error)
            else:
                self._note(None)
            await asyncio.sleep(FAILING_SECONDS if self._why else CHECK_SECONDS)

    def _note(self, error: StoreUnavailable | None) -> None:
        why = "" if error is None else error.why
        STORE_UP.set(not why)
        for one in WHYS:
            STORE_FAILING.labels(one).set(one == why)
        if error is not None and why != self._why:
            log("the store of files fails", level=logging.WARNING, why=why, error=str(error))
        self._why = why
