"""Removes bytes that no longer belong to anything.

There are two kinds. Doomed, every few seconds: what chats has marked for deletion, which are files
of deleted messages and chats, aborted uploads, files that no message used. Unknown, a shard at a
time: what no database knows of, such as replaced avatars, and all that a restore has lost.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import cycle
from typing import Final

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal
from files.metrics import REMOVED, SWEEP_FAILED
from files.store import SHARDS, FileStore, StoreUnavailable
from files.upstream import Chats

SWEEP_SECONDS: Final = 5.0
AT_REST_SECONDS: Final = 20.0  # the promise is one minute
SHARD_SECONDS: Final = 300.0  # a day for all
AT_ONCE: Final = 200
# Longer than an upload takes, so that bytes this old always have a row.
UNKNOWN_SECONDS: Final = 3600.0
ASKED_AT_ONCE: Final = 1_000

Known = Callable[[list[str]], Awaitable[set[str]]]


class Sweep:
    """One per process; several may sweep the same store."""

    def __init__(
        self,
        chats: Chats,
        store: FileStore,
        others: Mapping[FileStore, Known],
        rest: Rest = NEVER,
    ) -> None:
        """`others` are parts of the store whose contents another service than chats knows."""
        self._chats = chats
        self._store = store
        self._rest = rest
        self._passed_over = 0  # the oldest doomed files, which could not be removed
        self._known: Mapping[FileStore, Known] = {store: chats.known_files, **others}

    async def run(self) -> None:
        """Until cancelled."""
        failing = False
        while True:
            try:
                while await self.remove_doomed():
                    pass
                failing = False
            except (Refusal, StoreUnavailable) as error:
                SWEEP_FAILED.inc()
                if not failing:
                    log("sweep fails", level=logging.WARNING, error=_describe(error))
                failing = True
            await self._rest.pause(SWEEP_SECONDS, AT_REST_SECONDS)

    async def remove_doomed(self) -> bool:
        """One round; returns whether there may be more. Raises Refusal, StoreUnavailable, the
        latter at the end: what cannot be removed is tried again after all others."""
        doomed = await self._chats.list_doomed(AT_ONCE, self._passed_over)
        removed, failures = await _remove(self._store, doomed, "doomed")
        is_last = len(doomed) < AT_ONCE
        self._passed_over = 0 if is_last else self._passed_over + len(failures)
        if removed:
            await self._chats.forget_files(removed)
        if failures:
            raise failures[-1]
        return not is_last

    async def run_through(self, first: int) -> None:
        """Shard by shard, starting from a given one, until cancelled."""
        for shard in cycle([*SHARDS[first:], *SHARDS[:first]]):
            await asyncio.sleep(SHARD_SECONDS)
            try:
                await self.remove_unknown(shard)
            except (Refusal, StoreUnavailable) as error:
                SWEEP_FAILED.inc()
                log("shard not swept", error=_describe(error))

    async def remove_unknown(
        self, shard: str, older_than_seconds: float = UNKNOWN_SECONDS
    ) -> list[str]:
        """Returns what was removed. Raises Refusal, StoreUnavailable, the latter at the end."""
        removed: list[str] = []
        failures: list[StoreUnavailable] = []
        for store, list_known in self._known.items():
            found = await store.list_shard(shard, older_than_seconds)
            for start in range(0, len(found), ASKED_AT_ONCE):
                some = found[start : start + ASKED_AT_ONCE]
                known = await list_known(some)
                unknown = [file for file in some if file not in known]
                gone, failed = await _remove(store, unknown, "unknown")
                removed += gone
                failures += failed
        if failures:
            raise failures[-1]
        return removed


async def _remove(
    store: FileStore, files: list[str], why: str
) -> tuple[list[str], list[StoreUnavailable]]:
    """Which of them are removed now, and why others are not. One that cannot be removed does not
    keep others from being removed, unless the store takes long to fail."""
    removed: list[str] = []
    failures: list[StoreUnavailable] = []
    give_up_at = time.monotonic() + SWEEP_SECONDS
    for file in files:
        try:
            await store.remove(file)
        except StoreUnavailable as error:
            failures.append(error)
            if time.monotonic() > give_up_at:
                break
        else:
            removed.append(file)
            REMOVED.labels(why).inc()
    return removed, failures


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
