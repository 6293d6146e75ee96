"""SQL of invitations, their uses, and the joins of chats that follow."""

from datetime import datetime
from typing import Literal, NamedTuple

from common.database.pool import Connection, Pool
from common.protocol.instance import Role


class InvitationRow(NamedTuple):
    """One that is neither revoked nor expired, of an active user. `uses_left` may be 0, and
    `maker_role` less than it takes to give `role`."""

    id: str
    code: str
    maker: str
    maker_role: Role
    chat: str | None
    role: Literal["admin", "member"]
    uses: int
    uses_left: int
    expires_at: datetime


class JoinRow(NamedTuple):
    """`key` is that with which chats does it once. `invitation` is the one whose use is given back
    if chats refuses."""

    user: str
    chat: str
    inviter: str
    key: str
    invitation: str | None = None


_WORKING = (
    "SELECT i.id::text, i.code, i.maker::text, m.role, i.chat::text, i.role, i.uses, i.uses_left,"
    " i.expires_at FROM invitations i JOIN users m ON m.id = i.maker"
    " WHERE i.revoked_at IS NULL AND i.expires_at > now() AND m.active AND m.deleted_at IS NULL"
)

_NEWEST = f"""
SELECT * FROM (
    {_WORKING} AND i.uses_left > 0 AND (%(others)s OR i.maker = %(caller)s)
    ORDER BY i.maker = %(caller)s DESC, i.id DESC LIMIT %(limit)s
) AS found ORDER BY id DESC
"""  # noqa: S608 - a constant


async def insert_invitation(
    connection: Connection,
    invitation: str,
    code: str,
    *,
    maker: str,
    chat: str | None,
    role: Literal["admin", "member"],
    uses: int,
    days: int,
) -> datetime:
    """Returns when it expires."""
    cursor = await connection.execute(
        "INSERT INTO invitations (id, code, maker, chat, role, uses, uses_left, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, now() + make_interval(hours => 24 * %s))"
        " RETURNING expires_at",
        (invitation, code, maker, chat, role, uses, uses, days),
    )
    made = await cursor.fetchone()
    assert made is not None
    expires_at: datetime = made[0]
    return expires_at


async def find_invitation(connection: Connection, code: str) -> InvitationRow | None:
    cursor = await connection.execute(_WORKING + " AND i.code = %s", (code,))
    row = await cursor.fetchone()
    return InvitationRow(*row) if row else None


async def lock_invitation(connection: Connection, code: str) -> InvitationRow | None:
    """Its uses are serial from here on."""
    cursor = await connection.execute(_WORKING + " AND i.code = %s FOR UPDATE OF i", (code,))
    row = await cursor.fetchone()
    return InvitationRow(*row) if row else None


async def list_invitations(
    connection: Connection, caller: str, limit: int, *, others: bool
) -> list[InvitationRow]:
    """The newest of the caller's own and, if there is room, with `others` of everybody else's.
    Newest first."""
    cursor = await connection.execute(_NEWEST, {"caller": caller, "others": others, "limit": limit})
    return [InvitationRow(*row) for row in await cursor.fetchall()]


async def count_invitations(connection: Connection, maker: str, most: int) -> int:
    """How many of a user's can be used, counted up to `most`."""
    cursor = await connection.execute(
        "SELECT count(*) FROM (SELECT FROM invitations WHERE maker = %s AND revoked_at IS NULL"
        " AND expires_at > now() AND uses_left > 0 LIMIT %s) AS i",
        (maker, most),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def revoke_invitation(connection: Connection, invitation: str) -> None:
    await connection.execute(
        "UPDATE invitations SET revoked_at = now() WHERE id = %s", (invitation,)
    )


async def lock_use(connection: Connection, invitation: str, user: str) -> bool | None:
    """Whether the user's use is spent; None if they have not used it. A use does not become spent
    until the transaction ends. Requires the invitation's lock."""
    cursor = await connection.execute(
        "SELECT spent FROM invitation_uses WHERE invitation = %s AND user_id = %s FOR UPDATE",
        (invitation, user),
    )
    row = await cursor.fetchone()
    return None if row is None else bool(row[0])


async def use_invitation(connection: Connection, invitation: str, user: str) -> None:
    """Requires the invitation's lock, and a use left."""
    await connection.execute(
        "UPDATE invitations SET uses_left = uses_left - 1 WHERE id = %s", (invitation,)
    )
    await connection.execute(
        "INSERT INTO invitation_uses (invitation, user_id) VALUES (%s, %s)"
        " ON CONFLICT (invitation, user_id) DO UPDATE SET spent = false",
        (invitation, user),
    )


async def give_use_back(connection: Connection, join: JoinRow) -> None:
    """Undoes a use whose join did not happen, unless another request of the user has let them in
    meanwhile, or may still."""
    # A change that is prepared, and lets them in, holds the chat.
    await connection.execute("SELECT FROM chats WHERE id = %s FOR UPDATE", (join.chat,))
    # Whoever takes it locks the invitation first, too.
    await connection.execute("SELECT FROM invitations WHERE id = %s FOR UPDATE", (join.invitation,))
    cursor = await connection.execute(
        "DELETE FROM invitation_uses WHERE invitation = %(invitation)s AND user_id = %(user)s"
        " AND NOT EXISTS"
        "  (SELECT FROM joins WHERE user_id = %(user)s AND chat = %(chat)s AND key <> %(key)s)"
        " AND NOT EXISTS (SELECT FROM memberships WHERE user_id = %(user)s AND chat_id = %(chat)s)",
        join._asdict(),
    )
    if cursor.rowcount:
        await connection.execute(
            "UPDATE invitations SET uses_left = uses_left + 1 WHERE id = %s", (join.invitation,)
        )


async def insert_join(connection: Connection, join: JoinRow) -> None:
    await connection.execute(
        "INSERT INTO joins (user_id, chat, inviter, key, invitation) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (user_id, chat) DO UPDATE SET inviter = excluded.inviter, key = excluded.key,"
        " invitation = excluded.invitation",
        join,
    )


async def find_join(connection: Connection, user: str, chat: str, inviter: str) -> JoinRow | None:
    """A join that chats has not answered yet."""
    cursor = await connection.execute(
        "SELECT user_id::text, chat::text, inviter::text, key::text, invitation::text FROM joins"
        " WHERE user_id = %s AND chat = %s AND inviter = %s",
        (user, chat, inviter),
    )
    row = await cursor.fetchone()
    return JoinRow(*row) if row else None


async def delete_join(connection: Connection, join: JoinRow) -> None:
    await connection.execute(
        "DELETE FROM joins WHERE user_id = %(user)s AND chat = %(chat)s"
        " AND inviter = %(inviter)s AND key = %(key)s",
        join._asdict(),
    )


async def list_old_joins(
    pool: Pool, older_than_seconds: float, limit: int, skip: int
) -> list[JoinRow]:
    """The oldest first, except for the `skip` oldest."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT user_id::text, chat::text, inviter::text, key::text, invitation::text"
            " FROM joins WHERE since < now() - make_interval(secs => %s)"
            " ORDER BY since LIMIT %s OFFSET %s",
            (older_than_seconds, limit, skip),
        )
        return [JoinRow(*row) for row in await cursor.fetchall()]
