"""SQL of memberships and of the prepared transactions that hold their changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import psycopg
from psycopg import sql

from common.database.failures import DatabaseBusy
from common.database.pool import Connection, Pool
from common.database.primary import SETTLE_WHAT_WAS_FOUND

_GID_PREFIX = "hubbub-"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


# Uses before joins: whoever takes an invitation again holds their use while they add a join.
_DELETE_MEMBERSHIPS = (
    "DELETE FROM memberships WHERE chat_id = %(chat)s AND user_id = ANY(%(users)s::uuid[])",
    "UPDATE invitation_uses u SET spent = true FROM invitations i"
    " WHERE i.id = u.invitation AND i.chat = %(chat)s"
    " AND u.user_id = ANY(%(users)s::uuid[]) AND u.user_id <> %(by)s",
    "DELETE FROM joins WHERE chat = %(chat)s AND user_id = ANY(%(users)s::uuid[])",
)


class PreparedElsewhere(Exception):
    """The same transaction, or another one of its chat, holds a lock that this one needs."""


class Facts(NamedTuple):
    """What the vote depends on, read under the chat's lock. `is_asked_for`: the request comes from
    a living session, or if it has none, from users itself."""

    is_asked_for: bool
    unknown_users: list[str]
    crowded_users: list[str]


class InDoubt(NamedTuple):
    transaction: str
    age_seconds: float


async def list_chats_of(pool: Pool, user: str) -> list[str]:
    """Newest first: chat ids are in order of creation."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT chat_id::text FROM memberships WHERE user_id = %s ORDER BY chat_id DESC",
            (user,),
        )
        return [chat for (chat,) in await cursor.fetchall()]


async def is_prepared_or_committed(pool: Pool, transaction: str) -> bool:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM pg_prepared_xacts"
            " WHERE gid = %s AND database = current_database())"
            " OR EXISTS (SELECT FROM committed_transactions WHERE id = %s)",
            (_GID_PREFIX + transaction, transaction),
        )
        row = await cursor.fetchone()
        assert row is not None
        if row[0]:
            await connection.execute(SETTLE_WHAT_WAS_FOUND)
        return bool(row[0])


@asynccontextmanager
async def voting(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for one transaction, from `begin` to `prepare`; an exception undoes it.

    Raises PreparedElsewhere.
    """
    async with pool.connection() as connection:  # rolls back on an exception
        try:
            yield connection
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.UniqueViolation,
            psycopg.errors.DuplicateObject,
        ) as error:
            raise PreparedElsewhere from error


async def begin(connection: Connection) -> None:
    await connection.execute("BEGIN")


async def prepare(connection: Connection, transaction: str) -> None:
    """From now on the changes since `begin` survive any crash."""
    gid = sql.Literal(_GID_PREFIX + transaction)
    await connection.execute(sql.SQL("PREPARE TRANSACTION {}").format(gid), prepare=False)


async def lock_chat(connection: Connection, chat: str) -> None:
    """Serialises membership transactions of one chat, including its first one."""
    await connection.execute(
        # The conflicting row is locked even if the condition prevents the update.
        "INSERT INTO chats (id) VALUES (%s)"
        " ON CONFLICT (id) DO UPDATE SET id = excluded.id WHERE false",
        (chat,),
    )


async def read_facts(
    connection: Connection, *, user: str, session: str, chat: str, add: list[str], limit: int
) -> Facts:
    """`crowded_users` are those who are already in `limit` other chats. `session` is empty if users
    has asked chats for the change."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM sessions WHERE id = %(session)s AND user_id = %(user)s"
        "  AND revoked_at IS NULL AND expires_at > now())"
        " OR %(session)s::uuid IS NULL AND EXISTS (SELECT FROM joins"
        "  WHERE inviter = %(user)s AND chat = %(chat)s AND user_id = ANY(%(add)s::uuid[]))"
        " OR %(session)s::uuid IS NULL AND EXISTS (SELECT FROM deletions"
        "  WHERE user_id = %(user)s AND %(add)s::uuid[] = '{}'),"
        " ARRAY(SELECT a.id::text FROM unnest(%(add)s::uuid[]) AS a(id)"
        "  WHERE NOT EXISTS (SELECT FROM users u"
        "  WHERE u.id = a.id AND u.deleted_at IS NULL)),"
        " ARRAY(SELECT user_id::text FROM memberships WHERE user_id = ANY(%(add)s::uuid[])"
        "  AND chat_id <> %(chat)s GROUP BY user_id HAVING count(*) >= %(limit)s)",
        {"user": user, "session": session or None, "chat": chat, "add": add, "limit": limit},
    )
    row = await cursor.fetchone()
    assert row is not None
    return Facts(*row)


async def find_full_users(
    connection: Connection, chat: str, users: list[str], limit: int
) -> list[str]:
    """Those of them who are already in `limit` other chats. Waits until no other transaction that
    has asked this about one of them can add them to another chat."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(a.id::text, 0))"
        " FROM (SELECT unnest(%s::uuid[]) AS id ORDER BY id) AS a",
        (users,),
    )
    cursor = await connection.execute(
        "SELECT user_id::text FROM memberships WHERE user_id = ANY(%s::uuid[])"
        " AND chat_id <> %s GROUP BY user_id HAVING count(*) >= %s",
        (users, chat, limit),
    )
    return [user for (user,) in await cursor.fetchall()]


async def remember_transaction(connection: Connection, transaction: str) -> None:
    await connection.execute("INSERT INTO committed_transactions (id) VALUES (%s)", (transaction,))


async def delete_chat(connection: Connection, chat: str) -> None:
    await connection.execute("DELETE FROM memberships WHERE chat_id = %s", (chat,))
    await connection.execute("DELETE FROM chats WHERE id = %s", (chat,))


async def delete_memberships(connection: Connection, chat: str, users: list[str], by: str) -> None:
    """Cancels their pending joins too. The uses of the chat's invitations by users whom somebody
    else removes are spent."""
    gone = {"chat": chat, "users": users, "by": by}
    for statement in _DELETE_MEMBERSHIPS:
        await connection.execute(statement, gone)


async def insert_memberships(connection: Connection, chat: str, users: list[str]) -> None:
    await connection.execute(
        "INSERT INTO memberships (user_id, chat_id) SELECT a.id, %s"
        " FROM unnest(%s::uuid[]) AS a(id) ON CONFLICT DO NOTHING",
        (chat, users),
    )


async def finish_prepared(pool: Pool, transaction: str, *, commit: bool) -> None:
    """No error if it is gone already: then its commit or rollback is on disk.

    Raises DatabaseBusy while another call is finishing it.
    """
    verb = sql.SQL("COMMIT PREPARED {}" if commit else "ROLLBACK PREPARED {}")
    async with pool.connection() as connection:
        try:
            await connection.execute(
                verb.format(sql.Literal(_GID_PREFIX + transaction)), prepare=False
            )
        except psycopg.errors.UndefinedObject:
            await connection.execute(SETTLE_WHAT_WAS_FOUND)
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            raise DatabaseBusy("the transaction is being finished") from error


async def list_in_doubt(pool: Pool) -> list[InDoubt]:
    """The transactions prepared in this database, oldest first. One with another kind of name is
    not ours: no service could decide on it, and all younger ones would wait."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT substr(gid, %s), extract(epoch FROM clock_timestamp() - prepared)::float8"
            " FROM pg_prepared_xacts WHERE database = current_database() AND owner = current_user"
            " AND gid ~ %s ORDER BY prepared",
            (len(_GID_PREFIX) + 1, f"^{_GID_PREFIX}{_UUID}$"),
        )
        return [InDoubt(*row) for row in await cursor.fetchall()]
