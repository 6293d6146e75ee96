"""`python -m chats`: one replica, until SIGTERM."""

import asyncio
import sys
import time

import uvloop

from chats.app import create_chats
from chats.settings import ChatsSettings, read_chats_settings
from chats.store.schema import set_up_database
from common.database.pool import UNREACHABLE
from common.process.logs import log, set_up_logs
from common.process.service import serve_until_stopped
from common.process.variables import SettingsError

DATABASE_WAIT_SECONDS = 8.0
DATABASE_RETRY_SECONDS = 0.1


async def run(settings: ChatsSettings) -> None:
    """Waits a while for its database, serves, and drains when it is told to stop."""
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            await set_up_database(settings.database_url)
            break
        except UNREACHABLE:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(DATABASE_RETRY_SECONDS)
    service = create_chats(settings)
    log("serving", address=settings.service.listen.address)
    await serve_until_stopped(service, settings.service.listen.open())


def main() -> None:
    try:
        settings = read_chats_settings()
        set_up_logs("chats", settings.service.name, settings.service.log_file)
        uvloop.run(run(settings))
    except (SettingsError, *UNREACHABLE) as error:
        sys.exit(f"chats: {error}")


if __name__ == "__main__":
    main()
