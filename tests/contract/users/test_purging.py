"""What users purges, and how much of it at a time."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from common.database.failures import DatabaseBusy
from common.database.pool import Pool, create_pool
from common.protocol import instance as i
from common.protocol.ids import new_id
from common.protocol.users import Account
from users.settings import Settings
from users.store.invitations import insert_invitation
from users.store.upkeep import purge_stale_rows

# Sessions of one user: five dead ones of each kind, one just revoked and one alive, each with ten
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
MAKE_PUSH = """
WITH made AS (
    INSERT INTO push_subscriptions (session_id, user_id, endpoint, p256dh, auth, level, silent)
    SELECT id, user_id, 'https://push.example.org/1', '', '', 'all', false FROM sessions
    RETURNING session_id
)
INSERT INTO pushes (session_id, chat, seq, sender, due_at, made_at)
SELECT session_id, gen_random_uuid(), 2, gen_random_uuid(), 'infinity', now() FROM made
"""
WAITING = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
COUNT = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM refresh_tokens)"


async def count(pool: Pool) -> tuple[int, int]:
    async with pool.connection() as connection:
        row = await (await connection.execute(COUNT)).fetchone()
    assert row is not None
    return row[0], row[1]


async def test_dead_sessions_go_in_slices(users: Any, pool: Pool) -> None:
    """However many tokens they have, no statement deletes more rows than its limit; live sessions
    and those revoked a moment ago stay."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        await connection.execute(MAKE_SESSIONS, (ann.id,))
    left = [await count(pool)]
    while await purge_stale_rows(pool, rows=30):
        left.append(await count(pool))
    assert [tokens for _, tokens in left] == [121, 91, 61, 31]
    assert await count(pool) == (3, 21)


async def test_other_rows_go_in_slices(users: Any, pool: Pool) -> None:
    """Committed transactions, results of keys and revocations too, the oldest first."""
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


async def test_who_was_seen_is_known_without_their_sessions(users: Any, pool: Pool) -> None:
    """A user logged out long ago, and of their session only the time of its last use is left;
    purging an older session later changes nothing."""

    async def seen() -> str | None:
        request = i.ListUsers(caller=ann.id, prefix="ben", before=None, limit=9)
        page: i.UserPage = await users.call("list_users", request, i.UserPage)
        return page.users[0].last_seen_at

    ann, ben = await users.sign_up("ann"), await users.sign_up("ben")
    await users.call("make_owner", i.MakeOwner(username="ann"), Account)
    await users.log_out(ben)
    before = await seen()
    assert before is not None
    for make_older in (False, True):
        async with pool.connection() as connection:
            if make_older:
                await connection.execute(MAKE_SESSIONS, (ben.id,))
            await connection.execute(
                "UPDATE sessions SET refreshed_at = refreshed_at - interval '40 days',"
                " revoked_at = now() - interval '2 hours' WHERE user_id = %s AND id <> %s",
                (ben.id, ben.session),
            )
            await connection.execute(
                "UPDATE sessions SET revoked_at = now() - interval '2 hours' WHERE user_id = %s",
                (ben.id,),
            )
        while await purge_stale_rows(pool, rows=30):
            pass
        assert (await count(pool))[0] == 1  # ann's
        assert await seen() == before


async def test_expired_invitations_go_in_slices(users: Any, pool: Pool) -> None:
    """Their uses before them; those that still work stay."""
    ann, _ = await users.sign_up("ann"), await users.sign_up("ben")
    async with pool.connection() as connection:
        for code in ("old", "older", "good"):
            await insert_invitation(
                connection, new_id(), code, maker=ann.id, chat=None, role="member", uses=2, days=1
            )
        await connection.execute(
            "INSERT INTO invitation_uses SELECT i.id, u.id FROM invitations i, users u"
        )
        await connection.execute(
            "UPDATE invitations SET expires_at = now() - interval '1 minute' WHERE code <> 'good'"
        )
    left = []
    more = True
    while more:
        more = await purge_stale_rows(pool, rows=3)
        async with pool.connection() as connection:
            found = await connection.execute(
                "SELECT code, count(u) FROM invitations LEFT JOIN invitation_uses u"
                " ON invitation = id GROUP BY code ORDER BY count(u), code"
            )
            left.append(await found.fetchall())
    assert [sum(uses for _, uses in codes) for codes in left] == [3, 2]
    assert left[-1] == [("good", 2)]


async def test_the_log_is_kept_for_400_days(users: Any, pool: Pool) -> None:
    """Older entries are deleted, up to the limit at a time; younger ones stay."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO audit_log (id, at, action, detail)"
            " SELECT gen_random_uuid(), now() - days * interval '1 day', 'owner.made', days::text"
            " FROM unnest(ARRAY[399, 401, 402, 403]) AS days"
        )
    left = []
    more = True
    while more:
        more = await purge_stale_rows(pool, rows=2)
        async with pool.connection() as connection:
            found = await connection.execute("SELECT detail FROM audit_log ORDER BY at")
            left.append([detail for (detail,) in await found.fetchall()])
    assert left == [["401", "399"], ["399"]]


async def test_days_have_24_hours_in_any_time_zone(settings: Settings, users: Any) -> None:
    """The operator's database is in a time zone whose clocks went forward two hours ago, or will in
    two: a key still lives for a day, and so does an invitation."""
    ann = await users.sign_up("ann")
    now = datetime.now().astimezone()

    def rule(at: datetime) -> str:
        moment = at.utctimetuple()
        return f"{moment.tm_yday - 1}/{moment.tm_hour}"

    async with create_pool(settings.database_url, size=1) as pool:
        async with pool.connection() as connection:
            forward, back = rule(now - timedelta(hours=2)), rule(now + timedelta(days=2))
            await connection.execute(f"SET TimeZone = 'WIN0SUM-1,{forward},{back}'")
            await connection.execute(
                "INSERT INTO results (caller, scope, key, result, at)"
                " SELECT gen_random_uuid(), 'x', gen_random_uuid(), '',"
                " now() - age * interval '1 minute'"
                " FROM unnest(ARRAY[1439, 1441]) AS age"
            )
        await purge_stale_rows(pool, rows=30)
        async with pool.connection() as connection:
            assert len(await (await connection.execute("SELECT FROM results")).fetchall()) == 1
            forward, back = rule(now + timedelta(hours=2)), rule(now + timedelta(days=2))
            await connection.execute(f"SET TimeZone = 'WIN0SUM-1,{forward},{back}'")
            ends = await insert_invitation(
                connection, new_id(), "code", maker=ann.id, chat=None, role="member", uses=1, days=1
            )
    assert abs(ends - now - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.usefixtures("patient_sessions")
@pytest.mark.parametrize(
    ("stale", "fresh", "count_rows"),
    [
        (
            ("UPDATE refresh_tokens SET expires_at = now() - interval '1 minute'",),
            "UPDATE refresh_tokens SET expires_at = now() + interval '1 day'",
            "SELECT count(*) FROM refresh_tokens",
        ),
        (
            (
                "DELETE FROM refresh_tokens",
                "UPDATE sessions SET expires_at = now() - interval '1 minute'",
            ),
            "UPDATE sessions SET expires_at = now() + interval '1 day'",
            "SELECT count(*) FROM sessions",
        ),
        (
            (MAKE_PUSH, "UPDATE pushes SET made_at = now() - interval '2 hours'"),
            "UPDATE pushes SET made_at = now()",
            "SELECT count(*) FROM pushes",
        ),
    ],
    ids=["token", "session", "push"],
)
async def test_what_is_renewed_while_it_is_thrown_away_stays(
    users: Any, pool: Pool, stale: tuple[str, ...], fresh: str, count_rows: str
) -> None:
    """A session that is refreshed at its last moment, and a chat with a new message after an
    hour."""
    await users.sign_up("ann")
    async with pool.connection() as connection:
        for statement in stale:
            await connection.execute(statement)
    async with pool.connection() as holder, holder.transaction():
        await holder.execute(fresh)
        purging = asyncio.create_task(purge_stale_rows(pool, rows=30))
        async with pool.connection() as watcher, asyncio.timeout(30):
            while (await watcher.execute(WAITING)).rowcount == 0:  # noqa: ASYNC110 - polls
                await asyncio.sleep(0.01)
    assert await purging is False
    async with pool.connection() as connection:
        assert await (await connection.execute(count_rows)).fetchone() == (1,)


async def test_what_cannot_be_thrown_away_keeps_nothing_else(users: Any, pool: Pool) -> None:
    """A revocation is locked for long: the statement ends at its timeout, and the others follow.
    The failure is reported at the end."""
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
