"""SQL of accounts as owners and admins see and change them. The instance is locked first."""

from datetime import datetime
from typing import Final, NamedTuple

from common.database.pool import Connection
from common.protocol.ids import HIGHEST_ID
from common.protocol.instance import Role, UsersCounted


class UserRow(NamedTuple):
    """An account that is not deleted."""

    id: str
    username: str
    email: str
    role: Role
    active: bool
    created_at: datetime
    last_seen_at: datetime | None
    display_name: str | None


class ResetRow(NamedTuple):
    """An unused code, of an account that still has the role and the password of that time."""

    user: str
    role: Role
    maker: str


_FROM_USERS = (
    "SELECT u.id::text, u.username, u.email, u.role, u.active, u.created_at, greatest("
    "u.last_seen_at, (SELECT max(s.refreshed_at) FROM sessions s WHERE s.user_id = u.id)),"
    " u.display_name FROM users u WHERE u.deleted_at IS NULL"
)

_PAGE = " AND u.id < %(before)s::uuid ORDER BY u.id DESC LIMIT %(limit)s"
# Every name is in the range of an empty beginning, and all of them would be read for a page.
ALL_USERS: Final = _FROM_USERS + _PAGE
NAMED_USERS: Final = (
    _FROM_USERS + " AND lower(u.username) >= lower(%(prefix)s)"
    " AND lower(u.username) < lower(%(prefix)s) || '~'" + _PAGE
)


async def find_role(connection: Connection, user: str) -> Role | None:
    """None for a user who may do nothing: deactivated, deleted or unknown."""
    cursor = await connection.execute(
        "SELECT role FROM users WHERE id = %s AND active AND deleted_at IS NULL", (user,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def find_user(connection: Connection, user: str) -> UserRow | None:
    cursor = await connection.execute(_FROM_USERS + " AND u.id = %s", (user,))
    row = await cursor.fetchone()
    return UserRow(*row) if row else None


async def find_user_by_name(connection: Connection, username: str) -> UserRow | None:
    cursor = await connection.execute(
        _FROM_USERS + " AND lower(u.username) = lower(%s)", (username,)
    )
    row = await cursor.fetchone()
    return UserRow(*row) if row else None


async def list_users(
    connection: Connection, prefix: str, before: str | None, limit: int
) -> list[UserRow]:
    """Newest first: ids are in order of creation."""
    which = NAMED_USERS if prefix else ALL_USERS
    cursor = await connection.execute(
        which, {"prefix": prefix, "before": before or HIGHEST_ID, "limit": limit}
    )
    return [UserRow(*row) for row in await cursor.fetchall()]


async def count_active_owners(connection: Connection) -> int:
    cursor = await connection.execute(
        "SELECT count(*) FROM users WHERE role = 'owner' AND active AND deleted_at IS NULL"
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def update_user(connection: Connection, user: str, role: Role, active: bool) -> None:
    await connection.execute(
        "UPDATE users SET role = %s, active = %s WHERE id = %s", (role, active, user)
    )


async def replace_reset_code(
    connection: Connection, user: str, code_hash: bytes, *, maker: str, seconds: int
) -> None:
    """Voids the previous code."""
    await connection.execute(
        "INSERT INTO reset_codes (user_id, hash, maker, role, password_number, expires_at)"
        " SELECT id, %s, %s, role, password_number, now() + make_interval(secs => %s)"
        " FROM users WHERE id = %s"
        " ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, maker = excluded.maker,"
        " role = excluded.role, password_number = excluded.password_number,"
        " expires_at = excluded.expires_at",
        (code_hash, maker, seconds, user),
    )


_RESETS = (
    "SELECT u.id::text, u.role, r.maker::text FROM reset_codes r JOIN users u"
    " ON u.id = r.user_id AND u.role = r.role AND u.password_number = r.password_number"
    " WHERE r.hash = %s AND r.expires_at > now() AND u.deleted_at IS NULL"
)


async def find_reset(connection: Connection, code_hash: bytes) -> ResetRow | None:
    cursor = await connection.execute(_RESETS, (code_hash,))
    row = await cursor.fetchone()
    return ResetRow(*row) if row else None


async def lock_reset(connection: Connection, code_hash: bytes) -> ResetRow | None:
    """Locks the code, which is used once, and the password until the end of the transaction."""
    cursor = await connection.execute(
        _RESETS + " FOR UPDATE OF r FOR NO KEY UPDATE OF u", (code_hash,)
    )
    row = await cursor.fetchone()
    return ResetRow(*row) if row else None


async def delete_reset(connection: Connection, user: str) -> None:
    await connection.execute("DELETE FROM reset_codes WHERE user_id = %s", (user,))


async def set_password(connection: Connection, user: str, password_hash: str) -> None:
    await connection.execute(
        "UPDATE users SET password_hash = %s, password_number = password_number + 1 WHERE id = %s",
        (password_hash, user),
    )


async def count_users(connection: Connection) -> UsersCounted:
    """Sessions that have ended do not count either."""
    cursor = await connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE active),"
        " (SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND expires_at > now()),"
        " pg_database_size(current_database()) FROM users WHERE deleted_at IS NULL"
    )
    row = await cursor.fetchone()
    assert row is not None
    users, active, sessions, size = row
    return UsersCounted(users=users, active_users=active, sessions=sessions, database_bytes=size)
