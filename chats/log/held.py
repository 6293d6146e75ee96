"""Chats whose lock another transaction keeps for long, as `make rebuild` does: nothing is appended
to them."""

import asyncio
from contextlib import suppress
from typing import Final

from chats.store.messages import list_free_chats
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.process.logs import log
from common.process.tasks import stop

LOOK_SECONDS: Final = 0.25


class HeldChats:
    """A chat is held from the moment a transaction waits in vain for its lock until the lock is
    free."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._chats: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._chats)

    def __contains__(self, chat: str) -> bool:
        return chat in self._chats

    def add(self, chat: str) -> None:
        log("chat is held by somebody", chat=chat)
        self._chats.add(chat)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        if self._looking is not None:
            await stop([self._looking])

    async def _look(self) -> None:
        try:
            while self._chats:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(DatabaseUnavailable):
                    self._chats -= await list_free_chats(self._pool, self._chats)
        finally:
            self._chats.clear()
            self._looking = None
