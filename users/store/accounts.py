"""SQL of accounts and of the keys that make a sign-up repeatable."""

from collections.abc import Mapping
from typing import NamedTuple

import psycopg

from common.database.pool import Connection, Pool
from common.database.primary import SETTLE_WHAT_WAS_FOUND
from common.protocol.instance import Role

_COLUMNS = (
    "u.id::text, u.username, u.email, u.password_hash, u.password_number, u.change_key,"
    " u.role, u.active, u.display_name, u.status, u.avatar::text"
)


class EmailTaken(Exception):
    """Another account has the address."""


class AccountExists(Exception):
    """An account with its name, its address or its key exists already."""


class AccountRow(NamedTuple):
    """An account that is not deleted."""

    id: str
    username: str
    email: str
    password_hash: str | None
    password_number: int = 0
    change_key: str = ""
    role: Role = "member"
    active: bool = True
    display_name: str | None = None
    status: str | None = None
    avatar: str | None = None


class AccountChange(NamedTuple):
    """None fields stay. `key` is stored with a new password, to recognise a repeat.
    `password_number`: of the password that the change was checked against, if it was."""

    email: str | None
    password_hash: str | None
    key: str
    password_number: int | None


class SignedUp(NamedTuple):
    """The result of a key: `account` is None once it is deleted. `email` is the address at sign-up,
    and `invite` the hash of the code, empty without one; each is None if the key is from a release
    that did not store it."""

    account: AccountRow | None
    email: str | None
    invite: bytes | None


class Availability(NamedTuple):
    username_taken: bool
    email_taken: bool


async def find_by_username(pool: Pool, username: str) -> AccountRow | None:
    """In lower case, as log-in compares it. Names are ASCII only; the check is needed because
    PostgreSQL's lower() maps `İ` and the Kelvin sign to ASCII letters."""
    if not username.isascii():
        return None
    return await _find(pool, "FROM users u WHERE lower(u.username) = lower(%s)", username)


async def find_by_id(pool: Pool, user: str) -> AccountRow | None:
    return await _find(pool, "FROM users u WHERE u.id = %s AND u.deleted_at IS NULL", user)


async def find_with_chats(pool: Pool, user: str) -> tuple[AccountRow, list[str]] | None:
    """Also the chats that the user is in, newest first: chat ids are in order of creation."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT ARRAY(SELECT m.chat_id::text FROM memberships m"  # noqa: S608 - a constant
            f" WHERE m.user_id = u.id ORDER BY m.chat_id DESC), {_COLUMNS}"
            " FROM users u WHERE u.id = %s AND u.deleted_at IS NULL",
            (user,),
        )
        row = await cursor.fetchone()
    return (AccountRow(*row[1:]), row[0]) if row else None


async def find_by_sign_up_key(pool: Pool, key: str) -> SignedUp | None:
    """The account that was signed up with this key in the last 10 minutes."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            f"SELECT u.deleted_at IS NULL, k.email, k.invite, {_COLUMNS}"  # noqa: S608 - a constant
            " FROM sign_up_keys k JOIN users u ON u.id = k.user_id"
            " WHERE k.key = %s AND k.expires_at > now()",
            (key,),
        )
        row = await cursor.fetchone()
    if not row:
        return None
    is_there, email, invite, *account = row
    return SignedUp(AccountRow(*account) if is_there else None, email, invite)


async def _find(pool: Pool, source: str, value: str) -> AccountRow | None:
    async with pool.connection() as connection:
        cursor = await connection.execute(f"SELECT {_COLUMNS} {source}", (value,))
        row = await cursor.fetchone()
    return AccountRow(*row) if row else None


async def check_availability(pool: Pool, username: str, email: str) -> Availability:
    """Whether another account has the name or the address; both in lower case."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM users WHERE lower(username) = lower(%s)),"
            " EXISTS (SELECT FROM users WHERE lower(email) = lower(%s))",
            (username, email),
        )
        row = await cursor.fetchone()
    assert row is not None
    return Availability(*row)


async def insert_account(
    connection: Connection, account: AccountRow, sign_up_key: str, invite: bytes
) -> None:
    """Creates the account and stores the key. Raises AccountExists if either exists already, which
    must end the transaction."""
    try:
        await connection.execute(
            "INSERT INTO users (id, username, email, password_hash, role)"
            " VALUES (%s, %s, %s, %s, %s)",
            (*account[:4], account.role),
        )
        await connection.execute(
            "DELETE FROM sign_up_keys WHERE key = %s AND expires_at <= now()", (sign_up_key,)
        )
        await connection.execute(
            "INSERT INTO sign_up_keys (key, user_id, email, invite) VALUES (%s, %s, %s, %s)",
            (sign_up_key, account.id, account.email, invite),
        )
    except psycopg.errors.UniqueViolation as error:
        raise AccountExists from error


async def update_account(
    connection: Connection, user: str, change: AccountChange
) -> AccountRow | None:
    """The account after the change; other fields may be changed concurrently. None if it is
    deleted, or has another password than the one that was checked.

    Raises EmailTaken, which must end the transaction.
    """
    try:
        cursor = await connection.execute(
            "UPDATE users u SET email = coalesce(%(email)s::text, u.email),"  # noqa: S608 - constant
            " password_hash = coalesce(%(hash)s::text, u.password_hash),"
            " password_number = u.password_number + (%(hash)s::text IS NOT NULL)::integer,"
            " change_key = CASE WHEN %(hash)s::text IS NULL THEN u.change_key ELSE %(key)s END"
            " WHERE u.id = %(user)s AND u.deleted_at IS NULL"
            " AND u.password_number = coalesce(%(number)s::integer, u.password_number)"
            f" RETURNING {_COLUMNS}",
            {
                "user": user,
                "email": change.email,
                "hash": change.password_hash,
                "key": change.key,
                "number": change.password_number,
            },
        )
    except psycopg.errors.UniqueViolation as error:
        raise EmailTaken from error
    row = await cursor.fetchone()
    return AccountRow(*row) if row else None


async def update_shown(
    connection: Connection, user: str, shown: Mapping[str, str | None]
) -> AccountRow | None:
    """Sets `display_name` and `status`, if given; returns the account after the change."""
    cursor = await connection.execute(
        "UPDATE users u SET"  # noqa: S608 - a constant
        " display_name = CASE WHEN %(has_name)s THEN %(name)s ELSE u.display_name END,"
        " status = CASE WHEN %(has_status)s THEN %(status)s ELSE u.status END"
        f" WHERE u.id = %(user)s AND u.deleted_at IS NULL RETURNING {_COLUMNS}",
        {
            "has_name": "display_name" in shown,
            "name": shown.get("display_name"),
            "has_status": "status" in shown,
            "status": shown.get("status"),
            "user": user,
        },
    )
    row = await cursor.fetchone()
    return AccountRow(*row) if row else None


async def settle_what_was_found(pool: Pool) -> None:
    """Called before a repeat is answered with the stored result of the first call."""
    async with pool.connection() as connection:
        await connection.execute(SETTLE_WHAT_WAS_FOUND)


async def replace_hash(pool: Pool, user: str, old: str, new: str) -> None:
    """Stores a newer hash of the same password, unless the password was changed meanwhile."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s AND password_hash = %s",
            (new, user, old),
        )
