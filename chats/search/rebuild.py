"""Rebuilds the search index from the log: `python -m chats.search.rebuild`.

The index is emptied at once, and until the end only the newest messages of each chat are found;
replicas may keep running. The index of words is created last, which takes a fraction of the time of
adding to it. If interrupted, it must be run again.
"""

import asyncio
import sys
from typing import Final

from chats.program import run_program
from chats.store.query import PLAN_OPTIONS
from chats.store.search_feed import empty_index, feed, index_words, list_chats_behind
from common.database.pool import Pool, create_pool
from common.protocol.ids import LOWEST_ID

_CONNECTIONS: Final = 2  # one is read and written while the rows of the other become words
_CHATS_LISTED: Final = 2_000
_CHATS_AT_ONCE: Final = 250
_ROWS_AT_ONCE: Final = 2_048
# Feeders skip chats that are locked here. A slow machine may need long for one.
_OPTIONS: Final = (
    f"{PLAN_OPTIONS} -c idle_in_transaction_session_timeout=30000 -c statement_timeout=30000"
    " -c transaction_timeout=60000 -c lock_timeout=30000"
)
_PAUSE_SECONDS: Final = 0.05


async def rebuild(database_url: str) -> None:
    """Returns when everything that was in the log at its start can be found."""
    async with create_pool(database_url, size=_CONNECTIONS, options=_OPTIONS) as pool:
        await empty_index(pool)
        after: str | None = LOWEST_ID
        while after is not None:
            behind, after = await list_chats_behind(pool, after, _CHATS_LISTED)
            await asyncio.gather(
                *(_feed(pool, behind[n::_CONNECTIONS]) for n in range(_CONNECTIONS))
            )
        await index_words(pool)


async def _feed(pool: Pool, waiting: list[str]) -> None:
    """All of these chats, including those that a replica is feeding."""
    while waiting:
        chats = waiting[:_CHATS_AT_ONCE]
        fed = await feed(pool, chats, _ROWS_AT_ONCE, _ROWS_AT_ONCE)
        held = [chat for chat in chats if chat not in fed.done and chat not in fed.more]
        waiting = fed.more + waiting[_CHATS_AT_ONCE:] + held
        if not fed.done and not fed.more:
            await asyncio.sleep(_PAUSE_SECONDS)


def main() -> None:
    """Replicas may keep running."""
    run_program("chats.search.rebuild", rebuild)
    sys.stdout.write("the search index is made anew\n")


if __name__ == "__main__":
    main()
