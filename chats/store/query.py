"""One statement on a connection of the pool, with everything sent and answered in binary."""

from typing import Any

from common.database import Pool


async def fetch(pool: Pool, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows."""
    async with pool.connection() as connection:
        return await (await connection.execute(query, parameters, binary=True)).fetchall()
