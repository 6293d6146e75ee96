"""One statement on a connection of the pool, and how PostgreSQL is told to plan statements."""

from collections.abc import Mapping
from typing import Any, Final

from common.database.pool import Pool

HEAD_OF_CHAT: Final = "(SELECT l.seq FROM log l WHERE l.chat = c.id ORDER BY l.seq DESC LIMIT 1)"
# Every statement here looks rows up by index. Plans are cached, and those that were made while the
# tables were small would read them whole until the first ANALYZE. By default PostgreSQL would also
# plan parts of append_events anew at each call.
PLAN_OPTIONS: Final = (
    "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c plan_cache_mode=force_generic_plan"
)


async def fetch(
    pool: Pool, query: str, parameters: tuple[Any, ...] | Mapping[str, Any] = ()
) -> list[tuple[Any, ...]]:
    """All rows; parameters and rows travel in binary."""
    async with pool.connection() as connection:
        return await (await connection.execute(query, parameters, binary=True)).fetchall()


async def execute(pool: Pool, query: str, parameters: tuple[Any, ...] | Mapping[str, Any]) -> int:
    """For a statement that changes rows; returns how many."""
    async with pool.connection() as connection:
        return (await connection.execute(query, parameters)).rowcount
