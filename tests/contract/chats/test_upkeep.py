"""What the rounds of a replica read from large tables, and the fate of rows that nobody needs any
more.
"""

import asyncio

import psycopg
import pytest

from chats.background import cleanups
from chats.metrics import BACKGROUND_FAILED
from chats.store.cleanup import drop_old_aborts, drop_old_results
from chats.store.decisions import list_old_commits
from chats.store.query import PLAN_OPTIONS, fetch
from common.database.pool import Pool, create_pool
from common.process.rounds import repeat
from common.process.tasks import stop

ROWS = 20_000
_FILL = (
    "INSERT INTO results (caller, scope, key, result, at)"
    " SELECT gen_random_uuid(), 'rename', gen_random_uuid(), '', now() - interval '1 hour'"
    " FROM generate_series(1, %(rows)s)",
    "INSERT INTO decisions (transaction, committed, at)"
    " SELECT gen_random_uuid(), i %% 2 = 0, now() FROM generate_series(1, %(rows)s) AS i",
    "INSERT INTO results (caller, scope, key, result, at)"
    " SELECT gen_random_uuid(), 'rename', gen_random_uuid(), '', now() - interval '25 hours'"
    " FROM generate_series(1, 30)",
    "INSERT INTO decisions (transaction, committed, at)"
    " SELECT gen_random_uuid(), i %% 2 = 0, now() - interval '5 minutes'"
    " FROM generate_series(1, 60) AS i",
    "ANALYZE results, decisions",
)


async def rows_read(pool: Pool, table: str) -> int:
    """The number so far, with or without an index."""
    await fetch(pool, "SELECT pg_stat_force_next_flush()")
    rows = await fetch(
        pool,
        "SELECT (t.seq_tup_read + sum(i.idx_tup_read))::bigint FROM pg_stat_user_tables t"
        " JOIN pg_stat_user_indexes i USING (relid) WHERE t.relname = %s GROUP BY t.seq_tup_read",
        (table,),
    )
    return int(rows[0][0])


@pytest.mark.parametrize("table", ["results", "decisions"])
async def test_what_is_young_is_not_read(database_url: str, table: str) -> None:
    """However much there is: results stay for a day, and each replica keeps looking for older
    ones."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in _FILL:
            connection.execute(statement, {"rows": ROWS})
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        before = await rows_read(pool, table)
        for _ in range(3):  # prepared, too
            await drop_old_results(pool, 24 * 3600, 10)
            await drop_old_aborts(pool, 200)
            await list_old_commits(pool, older_than_seconds=10, limit=50, skip=0)
        assert await rows_read(pool, table) - before < 1_000
        left = await fetch(pool, f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant
    assert left[0][0] == ROWS + (0 if table == "results" else 30)


async def test_results_that_cannot_be_dropped_keep_no_deleted_chat(database_url: str) -> None:
    """A result is locked for long: the statement ends at its timeout, and the chat's log is purged
    meanwhile."""
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        psycopg.connect(database_url) as holder,
    ):
        for statement in _FILL:
            connection.execute(statement, {"rows": 0})
        connection.execute(
            "INSERT INTO chats (id, name, owner, deleted_at) VALUES"
            " (gen_random_uuid(), 'c', gen_random_uuid(), now() - interval '5 minutes')"
        )
        holder.execute("SELECT FROM results FOR UPDATE")
        async with create_pool(database_url, size=4, options=PLAN_OPTIONS) as pool:
            tasks = [
                asyncio.create_task(repeat(name, 0.05, work, BACKGROUND_FAILED))
                for name, work in cleanups(pool).items()
            ]
            async with asyncio.timeout(30):
                while await fetch(pool, "SELECT FROM chats WHERE NOT purged"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert len(await fetch(pool, "SELECT FROM results")) == 30
            await stop(tasks)
