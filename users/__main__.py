"""`python -m users`: one replica, until SIGTERM. With arguments, the machine's operator changes the
database: `owner NAME`, `keys rotate`, `keys revoke`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from common.database.failures import DatabaseTooOld, DatabaseUnavailable
from common.database.start import set_up_when_reachable
from common.process.service import Serving, run_process, serving_calls
from common.process.tasks import start, stop
from common.process.variables import SettingsError
from users import key_change, owner
from users.app import create_users
from users.resolver import keep_resolving_at_start
from users.settings import Settings, read_key_settings, read_settings
from users.signing import SigningKeysError
from users.store.upkeep import PreparedTransactionsOff, set_up_database

REFUSALS = (SigningKeysError, PreparedTransactionsOff, DatabaseTooOld, DatabaseUnavailable)


@asynccontextmanager
async def serving_users(settings: Settings) -> AsyncIterator[Serving]:
    resolving = start(keep_resolving_at_start(settings))
    try:
        await set_up_when_reachable(partial(set_up_database, settings.database_url))
    finally:
        await stop([resolving])
    async with serving_calls(create_users(settings), settings.service.listen.open()) as serving:
        yield serving


def main() -> None:
    match sys.argv[1:]:
        case []:
            run_process("users", read_settings, serving_users, REFUSALS)
        case ["owner", username]:
            try:
                owner.run(read_settings(), username)
            except (SettingsError, DatabaseUnavailable) as error:
                sys.exit(f"users: {error}")
        case ["keys", "rotate" | "revoke" as what]:
            try:
                key_change.run(read_key_settings(), what)
            except (SettingsError, SigningKeysError, DatabaseUnavailable) as error:
                sys.exit(f"users: {error}")
        case _:
            sys.exit("usage: python -m users [owner NAME | keys rotate | keys revoke]")


if __name__ == "__main__":
    main()
