"""What users throws away, and how much of it at a time."""

from typing import Any

import pytest

from common.database.failures import DatabaseBusy
from common.database.pool import Pool
from common.protocol.ids import new_id
from users.store.upkeep import purge_stale_rows

# Sessions of one user: five dead ones of either kind, one just revoked and one alive, each with ten
# refresh tokens.
MAKE_SESSIONS = """
WITH made AS (
    INSERT INTO sessions (id, user_id, expires_at, revoked_at)
    SELECT gen_random_uuid(), %s, now() + expires, now() - revoked FROM (VALUES
        (interval '-1 minute', NULL::interval, 5), ('1 day', '2 hours', 5),
        ('1 day', '1 minute', 1), ('1 day', NULL, 1)
    ) AS kinds (expires, revoked, number), generate_series(1, number)
    RETURNING id
)
INSERT INTO refresh_tokens (hash, session_id, generation, expires_at)
SELECT convert_to(id || ' ' || n, 'UTF8'), id, n, now() + interval '1 day'
FROM made, generate_series(1, 10) AS n
"""
COUNT = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM refresh_tokens)"


async def count(pool: Pool) -> tuple[int, int]:
    async with pool.connection() as connection:
        row = await (await connection.execute(COUNT)).fetchone()
    assert row is not None
    return row[0], row[1]


async def test_dead_sessions_go_in_slices(users: Any, pool: Pool) -> None:
    """However many tokens they have, no statement deletes more rows than it is told to; what lives,
    or was revoked a moment ago, stays."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        await connection.execute(MAKE_SESSIONS, (ann.id,))
    left = [await count(pool)]
    while await purge_stale_rows(pool, rows=30):
        left.append(await count(pool))
    assert [tokens for _, tokens in left] == [121, 91, 61, 31]
    assert await count(pool) == (3, 21)


async def test_other_rows_go_in_slices(users: Any, pool: Pool) -> None:
    """Committed transactions, results of keys and revocations as well, the oldest first."""
    async with pool.connection() as connection:
        for _ in range(5):
            await connection.execute(
                "INSERT INTO committed_transactions VALUES (%s, now() - interval '2 hours')",
                (new_id(),),
            )
        await connection.execute(
            "INSERT INTO revocations SELECT n, gen_random_uuid(), now() - interval '1 hour'"
            " FROM generate_series(1, 5) AS n"
        )
        await connection.execute(
            "INSERT INTO results (caller, scope, key, result, at) SELECT gen_random_uuid(), 'x',"
            " gen_random_uuid(), '', now() - n * interval '25 hours'"
            " FROM generate_series(0, 5) AS n"
        )
        await connection.execute(
            "INSERT INTO committed_transactions VALUES (%s)", (kept := new_id(),)
        )
    rounds = 1
    while await purge_stale_rows(pool, rows=2):
        rounds += 1
    assert rounds == 3
    async with pool.connection() as connection:
        found = await connection.execute("SELECT id::text FROM committed_transactions")
        assert await found.fetchall() == [(kept,)]
        assert len(await (await connection.execute("SELECT FROM results")).fetchall()) == 1
        assert await (await connection.execute("SELECT FROM revocations")).fetchall() == []


async def test_what_cannot_be_thrown_away_keeps_nothing_else(users: Any, pool: Pool) -> None:
    """Somebody holds a revocation for long: the statement ends at its time, and the others follow.
    The failure is told at the end."""
    async with pool.connection() as holder, holder.transaction():
        await holder.execute(
            "INSERT INTO revocations VALUES (1, gen_random_uuid(), now() - interval '1 hour')"
        )
        await holder.execute(
            "INSERT INTO committed_transactions VALUES (%s, now() - interval '2 hours')",
            (new_id(),),
        )
    async with pool.connection() as holder, holder.transaction():
        await holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await holder.execute("SELECT FROM revocations FOR UPDATE")
        with pytest.raises(DatabaseBusy):
            await purge_stale_rows(pool, rows=30)
        left = await holder.execute("SELECT FROM committed_transactions")
        assert await left.fetchall() == []
