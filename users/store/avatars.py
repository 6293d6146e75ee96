"""SQL of avatars."""

from typing import NamedTuple

from common.database.pool import Pool


class Replaced(NamedTuple):
    """The previous avatar."""

    before: str | None


async def set_avatar(pool: Pool, user: str, avatar: str | None) -> Replaced | None:
    """None for a deleted account."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "UPDATE users u SET avatar = %s FROM (SELECT id, avatar FROM users WHERE id = %s"
            " AND deleted_at IS NULL FOR UPDATE) AS before WHERE u.id = before.id"
            " RETURNING before.avatar::text",
            (avatar, user),
        )
        row = await cursor.fetchone()
    return None if row is None else Replaced(row[0])


async def known_avatars(pool: Pool, avatars: list[str]) -> list[str]:
    """Those of the given ids that are in use now."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT avatar::text FROM users WHERE avatar = ANY (%s::uuid[])", (avatars,)
        )
        return [avatar for (avatar,) in await cursor.fetchall()]
