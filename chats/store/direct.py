"""The direct chats of pairs of users."""

from chats.store.query import fetch
from common.database.pool import Pool


async def find_direct_chat(pool: Pool, one: str, other: str) -> str | None:
    rows = await fetch(
        pool,
        "SELECT chat::text FROM direct_chats WHERE one = least(%(one)s::uuid, %(other)s::uuid)"
        " AND other = greatest(%(one)s::uuid, %(other)s::uuid)",
        {"one": one, "other": other},
    )
    return rows[0][0] if rows else None


async def close_direct_chats(pool: Pool, member: str) -> list[str]:
    """Nobody can send to them any more; returns all that the member has. May be repeated."""
    rows = await fetch(
        pool,
        """
        WITH theirs AS MATERIALIZED (
            SELECT c.id, c.closed FROM participants p JOIN chats c ON c.id = p.chat
            WHERE p.member = %s::uuid AND c.owner IS NULL
            ORDER BY c.id FOR NO KEY UPDATE OF c
        ), closed AS (
            UPDATE chats SET closed = true FROM theirs t WHERE chats.id = t.id AND NOT t.closed
        )
        SELECT id::text FROM theirs
        """,
        (member,),
    )
    return [chat for (chat,) in rows]
