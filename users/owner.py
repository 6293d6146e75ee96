"""For the machine's operator, on the database itself: `python -m users owner NAME`."""

import asyncio
import sys

from common.database.failures import NoTables, wanting_tables
from common.database.pool import create_pool
from common.protocol.errors import Refusal
from common.protocol.instance import MakeOwner
from users.instance import InstanceCalls
from users.settings import Settings


async def make_owner(settings: Settings, username: str) -> bool:
    """Whether an account has that name; if so, it is now an active owner of the instance."""
    async with create_pool(settings.database_url, size=1, min_size=1) as pool:
        try:
            with wanting_tables():
                await InstanceCalls(pool, None).make_owner(MakeOwner(username=username))
        except Refusal:
            return False
    return True


def run(settings: Settings, username: str) -> None:
    try:
        is_made = asyncio.run(make_owner(settings, username))
    except NoTables:
        sys.exit("users: users' database has no tables yet: start Hubbub first, and sign up")
    if not is_made:
        sys.exit(f"users: there is no account with the name {username!r}")
    sys.stdout.write(f"{username} is an owner of this instance now.\n")
