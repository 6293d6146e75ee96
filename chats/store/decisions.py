"""The decisions about transactions over both databases."""

from chats.store.arrays import id_array
from chats.store.query import fetch
from common.database.pool import Pool
from common.database.primary import SETTLE_WHAT_WAS_FOUND


async def decide(pool: Pool, transaction: str) -> bool:
    """Whether it was committed. Asking decides: if there is no decision, it becomes an abort."""
    async with pool.connection() as connection:
        while True:
            inserted = await connection.execute(
                "INSERT INTO decisions (transaction, committed) VALUES (%s, false)"
                " ON CONFLICT DO NOTHING",
                (transaction,),
            )
            # A statement of its own: the one above does not see a row that it waited for.
            row = await (
                await connection.execute(
                    "SELECT committed FROM decisions WHERE transaction = %s", (transaction,)
                )
            ).fetchone()
            if row is not None:  # otherwise it was forgotten in between
                if not inserted.rowcount:
                    await connection.execute(SETTLE_WHAT_WAS_FOUND)
                committed: bool = row[0]
                return committed


async def forget_commits(pool: Pool, transactions: list[str]) -> None:
    """users has finished these. A row that comes back after a crash does no harm, so the commit
    does not wait for the disk."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute(
            "DELETE FROM decisions WHERE committed AND transaction = ANY (%s::uuid[])",
            (id_array(transactions),),
        )


async def list_old_commits(
    pool: Pool, *, older_than_seconds: float, limit: int, skip: int
) -> list[str]:
    """Transactions whose coordinator should have forgotten them by now, except for the `skip`
    oldest."""
    rows = await fetch(
        pool,
        "SELECT transaction::text FROM decisions WHERE committed"
        " AND at < now() - %s * interval '1 second' ORDER BY at LIMIT %s OFFSET %s",
        (older_than_seconds, limit, skip),
    )
    return [transaction for (transaction,) in rows]
