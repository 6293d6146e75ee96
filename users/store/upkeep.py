"""SQL that concerns the database as a whole: whether it serves, and what may be thrown away."""

from pathlib import Path

import psycopg

from common.database.pool import Pool, migrate

# Revocations outlive every access token. A session that was revoked stays for a log-out that comes
# twice; a committed transaction for a `prepare` that comes late, and no call lives for minutes.
_PURGES = (
    "DELETE FROM revocations WHERE revoked_at < now() - interval '20 minutes'",
    "DELETE FROM sign_up_keys WHERE expires_at < now()",
    "DELETE FROM committed_transactions WHERE prepared_at < now() - interval '1 hour'",
    "DELETE FROM sessions WHERE expires_at < now() OR revoked_at < now() - interval '1 hour'",
    "DELETE FROM refresh_tokens WHERE expires_at < now()",
)


class PreparedTransactionsOff(Exception):
    """This PostgreSQL cannot take part in a two-phase commit."""

    def __init__(self) -> None:
        super().__init__(
            "max_prepared_transactions is 0 in PostgreSQL: set it to 200 in postgresql.conf"
            " (as many as max_connections) and restart the server"
        )


async def answers(pool: Pool) -> bool:
    """Whether a query works right now. Raises what common.database.pool.UNREACHABLE names."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT 1")
        return await cursor.fetchone() == (1,)


async def set_up_database(url: str) -> None:
    """Brings the tables up to date. Raises PreparedTransactionsOff, and psycopg.Error."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=2) as connection:
        cursor = await connection.execute("SHOW max_prepared_transactions")
        if await cursor.fetchone() == ("0",):
            raise PreparedTransactionsOff
    await migrate(url, Path(__file__).parent.parent / "migrations")


async def purge_stale_rows(pool: Pool) -> None:
    async with pool.connection() as connection:
        for purge in _PURGES:
            await connection.execute(purge)
