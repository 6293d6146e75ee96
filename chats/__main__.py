"""`python -m chats`: one replica, until SIGTERM."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from chats.app import create_chats
from chats.settings import ChatsSettings, read_chats_settings
from chats.store.schema import set_up_database
from common.database.failures import DatabaseTooOld, DatabaseUnavailable
from common.database.start import set_up_when_reachable
from common.process.service import Serving, run_process, serving_calls


@asynccontextmanager
async def serving_chats(settings: ChatsSettings) -> AsyncIterator[Serving]:
    await set_up_when_reachable(partial(set_up_database, settings.database_url))
    async with serving_calls(create_chats(settings), settings.service.listen.open()) as serving:
        yield serving


def main() -> None:
    run_process("chats", read_chats_settings, serving_chats, (DatabaseTooOld, DatabaseUnavailable))


if __name__ == "__main__":
    main()
