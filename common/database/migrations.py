"""Numbered migrations: applied once each, in order, by whichever replica starts first."""

import asyncio
import re
from pathlib import Path
from typing import Final

import psycopg

from common.database.connecting import TCP
from common.database.failures import DatabaseTooOld, naming_failures
from common.database.hosts import session_target
from common.database.pool import Connection
from common.process.logs import log

# PostgreSQL 17 cannot add a column to a table whose row type is a function's argument, as a
# migration of chats does.
OLDEST_POSTGRES: Final = 180_000
# Guards migrations when several replicas start together; any constant will do.
MIGRATION_LOCK = 7_240_551
MIGRATION_WAIT_MS: Final = 300  # less than `lock_timeout` of the pool's sessions
MIGRATION_PAUSE_SECONDS: Final = 1.0


async def migrate(url: str, folder: Path) -> list[str]:
    """Applies those of the folder's `NNNN_name.sql` that are not applied yet, each in its own
    transaction.

    Several replicas may call it together: one works, the others wait. Returns the names applied.
    Raises ValueError for a badly named file; DatabaseUnavailable, DatabaseTooOld or psycopg.Error
    if a migration fails.
    """
    files = await asyncio.to_thread(lambda: sorted(folder.glob("*.sql")))
    for file in files:
        if not re.fullmatch(r"\d{4}_\w+\.sql", file.name):
            raise ValueError(f"not a migration's name: {file.name}")
    applied: list[str] = []
    with naming_failures():
        async with await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            connect_timeout=5,
            target_session_attrs=session_target(url),
            **TCP,
        ) as connection:
            version = connection.info.server_version
            if version < OLDEST_POSTGRES:
                raise DatabaseTooOld(
                    f"PostgreSQL {version // 10_000} is too old: {OLDEST_POSTGRES // 10_000} or"
                    " newer is needed"
                )
            await connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations"
                " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            rows = await (await connection.execute("SELECT name FROM migrations")).fetchall()
            known = {name for (name,) in rows}
            for file in files:
                if file.name in known:
                    continue
                await _apply(connection, file.name, file.read_bytes())
                applied.append(file.name)
                log("migration applied", name=file.name)
    return applied


async def _apply(connection: Connection, name: str, statements: bytes) -> None:
    """Retries as often as necessary: while it waits for a table lock, held by a backup for example,
    everybody else waits behind it, so each wait is short."""
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {MIGRATION_WAIT_MS}")
                await connection.execute(statements)
                await connection.execute("INSERT INTO migrations (name) VALUES (%s)", (name,))
            return
        except psycopg.errors.LockNotAvailable as error:
            log("migration waits", name=name, error=str(error))
        await asyncio.sleep(MIGRATION_PAUSE_SECONDS)
