"""`python -m users`: one replica of the users service."""

import asyncio
import sys
import time

import uvloop

from common.database.pool import UNREACHABLE
from common.process.logs import log, set_up_logs
from common.process.service import serve_until_stopped
from common.process.variables import SettingsError
from users.app import create_users
from users.keys import SigningKeysError
from users.settings import Settings, read_settings
from users.store.upkeep import PreparedTransactionsOff, set_up_database

DATABASE_WAIT_SECONDS = 8.0
DATABASE_RETRY_SECONDS = 0.1


async def run(settings: Settings) -> None:
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            await set_up_database(settings.database_url)
            break
        except UNREACHABLE:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(DATABASE_RETRY_SECONDS)
    service = create_users(settings)
    listener = settings.service.listen.open()
    log("serving", address=settings.service.listen.address)
    await serve_until_stopped(service, listener)


def main() -> None:
    try:
        settings = read_settings()
        set_up_logs("users", settings.service.name, settings.service.log_file)
        uvloop.run(run(settings))
    except (SettingsError, SigningKeysError, PreparedTransactionsOff, *UNREACHABLE) as error:
        sys.exit(f"users: {error}")


if __name__ == "__main__":
    main()
