"""SQL of Web Push: who has a browser that wants notifications, which messages those are, and what
to say about one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.query import fetch
from common.database.pool import Pool

# For each reader the newest message of others that the chat's setting lets through, and the newest
# that is personal, which is all that some of their browsers want.
_FIND: Final = """
SELECT p.member::text, n.chat::text, c.owner IS NULL,
    max(l.seq), (array_agg(l.sender ORDER BY l.seq DESC))[1]::text,
    max(l.seq) FILTER (WHERE k.member IS NOT NULL),
    (array_agg(l.sender ORDER BY l.seq DESC) FILTER (WHERE k.member IS NOT NULL))[1]::text
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS n (chat, first, last)
JOIN chats c ON c.id = n.chat
JOIN participants p ON p.chat = n.chat
JOIN push_readers r ON r.member = p.member
LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
JOIN log l ON l.chat = n.chat AND l.seq >= n.first AND l.seq <= n.last AND l.kind = 'message'
    AND l.sender <> p.member
LEFT JOIN current_mentions k ON k.member = p.member AND k.chat = p.chat AND k.seq = l.seq
WHERE coalesce(o.notify, 'all') = 'all' OR (o.notify = 'mentions' AND k.member IS NOT NULL)
GROUP BY p.member, n.chat, c.owner
"""
_DESCRIBE: Final = """
SELECT w.nth, c.name, c.owner IS NULL, k.member IS NOT NULL, show_message(l.event, m.current, NULL)
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) WITH ORDINALITY AS w (member, chat, seq, nth)
JOIN participants p ON p.chat = w.chat AND p.member = w.member
JOIN chats c ON c.id = w.chat
JOIN log l ON l.chat = w.chat AND l.seq = w.seq AND l.kind = 'message'
LEFT JOIN changed_messages m ON m.chat = w.chat AND m.seq = w.seq
LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
LEFT JOIN current_mentions k ON k.member = w.member AND k.chat = w.chat AND k.seq = w.seq
WHERE NOT coalesce(m.is_deleted, false) AND w.seq > read_marker(p, o) AND (
    coalesce(o.notify, 'all') = 'all' OR (o.notify = 'mentions' AND k.member IS NOT NULL)
)
"""


class Range(NamedTuple):
    """Events of a chat."""

    chat: str
    first: int
    last: int


class Found(NamedTuple):
    """A reader's newest message of a chat and who sent it, and the newest that mentions them."""

    member: str
    chat: str
    is_direct: bool
    newest: int
    newest_by: str
    mentioning: int | None
    mentioning_by: str | None


class Told(NamedTuple):
    """`event` is the current message."""

    chat_name: str
    is_direct: bool
    is_mention: bool
    event: bytes


async def has_push_readers(pool: Pool) -> bool:
    rows = await fetch(pool, "SELECT EXISTS (SELECT FROM push_readers)")
    return bool(rows[0][0])


async def add_push_reader(pool: Pool, member: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO push_readers (member, since) VALUES (%s, clock_timestamp())"
            " ON CONFLICT (member) DO UPDATE SET since = excluded.since",
            (member,),
        )


async def forget_push_readers(pool: Pool, members: Iterable[str], before: datetime) -> None:
    """Except for those who have subscribed again since."""
    async with pool.connection() as connection:
        await connection.execute(
            "DELETE FROM push_readers WHERE member = ANY (%s::uuid[]) AND since < %s",
            (id_array(members), before),
        )


async def find_messages_to_push(pool: Pool, ranges: list[Range]) -> tuple[list[Found], datetime]:
    """With the time of the query, by the database's clock."""
    async with pool.connection() as connection:
        answer = await connection.execute("SELECT clock_timestamp()", binary=True)
        now = await answer.fetchone()
        assert now is not None
        answer = await connection.execute(
            _FIND,
            (
                id_array(one.chat for one in ranges),
                number_array(one.first for one in ranges),
                number_array(one.last for one in ranges),
            ),
            binary=True,
        )
        return [Found(*row) for row in await answer.fetchall()], now[0]


async def read_messages_to_push(
    pool: Pool, wanted: list[tuple[str, str, int]]
) -> list[Told | None]:
    """For readers, chats and seqs, in this order; None if there is nothing to notify of."""
    rows = await fetch(
        pool,
        _DESCRIBE,
        (
            id_array(member for member, _, _ in wanted),
            id_array(chat for _, chat, _ in wanted),
            number_array(seq for _, _, seq in wanted),
        ),
    )
    told = {nth: Told(*rest) for nth, *rest in rows}
    return [told.get(nth) for nth in range(1, len(wanted) + 1)]
