"""SQL of sessions, refresh tokens and the numbered log of revocations."""

from datetime import datetime
from typing import NamedTuple

from common.database.pool import Connection, Pool

# Locks in the order of ids, then the counter, so that two revocations cannot deadlock. The counter,
# which all log-ins would wait for, only if there is something to revoke.
_REVOKE = """
WITH locked AS (
    SELECT id FROM sessions WHERE {which} AND revoked_at IS NULL ORDER BY id FOR UPDATE
), revoked AS (
    UPDATE sessions s SET revoked_at = now() FROM locked WHERE s.id = locked.id RETURNING s.id
), numbered AS (
    UPDATE revocation_counter SET last = last + (SELECT count(*) FROM revoked)
    WHERE EXISTS (SELECT FROM revoked) RETURNING last
)
INSERT INTO revocations (number, session_id)
SELECT last + 1 - row_number() OVER (), id FROM numbered, revoked RETURNING session_id::text
"""


class SessionRow(NamedTuple):
    id: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime


class RefreshRow(NamedTuple):
    """A refresh token that was issued, with its session and user. `successor` is the session's
    newest one, encrypted."""

    session: str
    user: str
    username: str
    email: str
    token_generation: int
    generation: int
    held: int
    is_alive: bool
    successor: bytes | None = None


async def insert_session(
    connection: Connection,
    session: str,
    user: str,
    password_number: int,
    token_hash: bytes,
    lifetime_seconds: int,
) -> bool:
    """False if the password was changed since it was checked, or the account was deactivated.

    The lock on the account serialises this with such a change: either the change finds the session
    and ends it, or no session is created.
    """
    cursor = await connection.execute(
        "WITH account AS (SELECT id FROM users WHERE id = %s AND password_number = %s"
        " AND active AND deleted_at IS NULL FOR SHARE),"
        " made AS (INSERT INTO sessions (id, user_id, expires_at)"
        " SELECT %s, id, now() + make_interval(secs => %s) FROM account"
        " RETURNING id, expires_at)"
        " INSERT INTO refresh_tokens (hash, session_id, generation, expires_at)"
        " SELECT %s, id, 0, expires_at FROM made",
        (user, password_number, session, lifetime_seconds, token_hash),
    )
    return cursor.rowcount == 1


async def lock_session_of_token(connection: Connection, token_hash: bytes) -> RefreshRow | None:
    """Serialises the refreshes of one session."""
    cursor = await connection.execute(
        "SELECT s.id::text, u.id::text, u.username, u.email, t.generation, s.generation, s.held,"
        " s.revoked_at IS NULL AND s.expires_at > now() AND t.expires_at > now(), s.successor"
        " FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id"
        " JOIN users u ON u.id = s.user_id WHERE t.hash = %s FOR UPDATE OF s",
        (token_hash,),
    )
    row = await cursor.fetchone()
    return RefreshRow(*row) if row else None


async def advance_session(
    connection: Connection,
    found: RefreshRow,
    token_hash: bytes,
    successor: bytes,
    lifetime_seconds: int,
) -> None:
    """Begins the next generation; records that the client holds the token that it has shown."""
    await connection.execute(
        "WITH advanced AS (UPDATE sessions SET generation = generation + 1,"
        " held = greatest(held, %s), successor = %s, refreshed_at = now(),"
        " expires_at = now() + make_interval(secs => %s) WHERE id = %s"
        " RETURNING id, generation, expires_at)"
        " INSERT INTO refresh_tokens (hash, session_id, generation, expires_at)"
        " SELECT %s, id, generation, expires_at FROM advanced",
        (found.token_generation, successor, lifetime_seconds, found.session, token_hash),
    )


async def prolong_session(
    connection: Connection, found: RefreshRow, token_hash: bytes, lifetime_seconds: int
) -> None:
    """The newest token, issued once more, expires as if it had been made now."""
    await connection.execute(
        "WITH prolonged AS (UPDATE sessions SET refreshed_at = now(),"
        " expires_at = now() + make_interval(secs => %s) WHERE id = %s RETURNING expires_at)"
        " UPDATE refresh_tokens t SET expires_at = p.expires_at FROM prolonged p WHERE t.hash = %s",
        (lifetime_seconds, found.session, token_hash),
    )


async def mark_held(pool: Pool, used: dict[str, int]) -> None:
    """Access tokens of these sessions and generations were seen in use."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT FROM sessions WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE", (list(used),)
        )
        await connection.execute(
            "UPDATE sessions s SET held = u.generation, successor = NULL"
            " FROM unnest(%s::uuid[], %s::int[]) AS u(id, generation)"
            " WHERE s.id = u.id AND s.held < u.generation AND u.generation <= s.generation",
            (list(used), list(used.values())),
        )


async def has_session(connection: Connection, user: str, session: str) -> bool:
    """Whether the user ever had it, as far back as sessions are kept."""
    cursor = await connection.execute(
        "SELECT FROM sessions WHERE id = %s AND user_id = %s", (session, user)
    )
    return cursor.rowcount == 1


async def is_session_alive(connection: Connection, user: str, session: str) -> bool:
    cursor = await connection.execute(
        "SELECT FROM sessions WHERE id = %s AND user_id = %s AND revoked_at IS NULL"
        " AND expires_at > now()",
        (session, user),
    )
    return cursor.rowcount == 1


async def list_living_sessions(pool: Pool, user: str) -> list[SessionRow]:
    """Newest first."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id::text, created_at, refreshed_at, expires_at FROM sessions"
            " WHERE user_id = %s AND revoked_at IS NULL AND expires_at > now()"
            " ORDER BY created_at DESC",
            (user,),
        )
        return [SessionRow(*row) for row in await cursor.fetchall()]


async def revoke_session(connection: Connection, session: str) -> list[str]:
    """Returns what this call revoked: nothing if it was revoked already."""
    return await _revoke(connection, "id = %s", (session,))


async def revoke_sessions_of(connection: Connection, user: str, keep: str | None) -> list[str]:
    """Revokes all of the user's sessions except `keep`; returns which."""
    return await _revoke(connection, "user_id = %s AND id IS DISTINCT FROM %s::uuid", (user, keep))


async def revoke_surplus_sessions(
    connection: Connection, user: str, keep: int, at_once: int
) -> list[str]:
    """Revokes the ones that were refreshed longest ago, at most `at_once` of them, so that about
    `keep` are left; returns which."""
    surplus = (
        "SELECT id FROM sessions WHERE user_id = %s AND revoked_at IS NULL AND expires_at > now()"
        " ORDER BY refreshed_at DESC, id DESC OFFSET %s LIMIT %s"
    )
    return await _revoke(connection, f"id IN ({surplus})", (user, keep, at_once))


async def _revoke(
    connection: Connection, which: str, parameters: tuple[str | int | None, ...]
) -> list[str]:
    cursor = await connection.execute(_REVOKE.format(which=which), parameters)
    return [session for (session,) in await cursor.fetchall()]


async def revocations_after(pool: Pool, after: int) -> tuple[list[str], int]:
    """Sessions in the order of their numbers, and the last number; both from one snapshot."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT last, ARRAY(SELECT session_id::text FROM revocations WHERE number > %s"
            " ORDER BY number) FROM revocation_counter",
            (after,),
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[1], row[0]
