"""Feeds the search index anew from the log: `python -m chats.search.rebuild`.

The index is emptied at once, so that nothing is found at first; replicas may serve meanwhile.
"""

import asyncio
import sys

from chats.search.feeder import Feeder
from chats.settings import read_chats_settings
from chats.store.query import PLAN_OPTIONS
from chats.store.search_feed import empty_index
from common.database.failures import DatabaseUnavailable
from common.database.pool import create_pool
from common.process.variables import SettingsError


async def rebuild(database_url: str) -> None:
    """Returns when everything that was in the log at its start can be found."""
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        await empty_index(pool)
        await Feeder(pool).feed_all()


def main() -> None:
    """With the environment of a replica."""
    try:
        asyncio.run(rebuild(read_chats_settings().database_url))
    except (SettingsError, DatabaseUnavailable) as error:
        sys.exit(f"chats.search.rebuild: {error}")
    sys.stdout.write("the search index is made anew\n")


if __name__ == "__main__":
    main()
