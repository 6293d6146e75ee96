"""SQL of Web Push: who has a browser that wants notifications, which messages those are, and what
to say about one."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.query import execute, fetch
from common.database.pool import Pool
from common.protocol.push import PushWanted

# For each reader the newest message of others that the chat's setting lets through, and the newest
# that is personal, which is all that some of their browsers want.
_FIND: Final = """
SELECT p.member::text, n.chat::text, c.owner IS NULL,
    min(l.seq), max(l.seq), (array_agg(l.sender ORDER BY l.seq DESC))[1]::text,
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
MAX_BACK: Final = 64  # events that are searched for a message to notify of
# The newest one that is not deleted: its deletion has not taken back the one before it.
_DESCRIBE: Final = f"""
SELECT w.nth, told.seq, told.sender::text, c.name, c.owner IS NULL, told.is_mention, told.event
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[], %s::boolean[])
    WITH ORDINALITY AS w (member, chat, first, last, personal, nth)
JOIN participants p ON p.chat = w.chat AND p.member = w.member
JOIN chats c ON c.id = w.chat
LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
JOIN LATERAL (
    SELECT l.seq, l.sender, k.member IS NOT NULL AS is_mention,
        show_message(l.event, m.current, NULL) AS event
    FROM log l
    LEFT JOIN changed_messages m ON m.chat = l.chat AND m.seq = l.seq
    LEFT JOIN current_mentions k ON k.member = w.member AND k.chat = l.chat AND k.seq = l.seq
    WHERE l.chat = w.chat AND l.seq <= w.last AND l.seq >= w.first
        AND l.seq > greatest(w.last - {MAX_BACK}, read_marker(p, o))
        AND l.kind = 'message' AND l.sender <> w.member AND NOT coalesce(m.is_deleted, false)
        AND (coalesce(o.notify, 'all') = 'all' OR k.member IS NOT NULL AND o.notify = 'mentions')
        AND (k.member IS NOT NULL OR c.owner IS NULL OR NOT w.personal)
    ORDER BY l.seq DESC LIMIT 1
) AS told ON true
"""  # noqa: S608 - a constant


class Range(NamedTuple):
    """Events of a chat."""

    chat: str
    first: int
    last: int


class Found(NamedTuple):
    """A reader's oldest and newest message of a chat and who sent the newest, and the newest that
    mentions them."""

    member: str
    chat: str
    is_direct: bool
    first: int
    newest: int
    newest_by: str
    mentioning: int | None
    mentioning_by: str | None


class Told(NamedTuple):
    """`event` is the current message."""

    seq: int
    by: str
    chat_name: str
    is_direct: bool
    is_mention: bool
    event: bytes


async def has_push_readers(pool: Pool) -> bool:
    rows = await fetch(pool, "SELECT EXISTS (SELECT FROM push_readers)")
    return bool(rows[0][0])


async def add_push_reader(pool: Pool, member: str) -> None:
    await execute(
        pool,
        "INSERT INTO push_readers (member, since) VALUES (%s, clock_timestamp())"
        " ON CONFLICT (member) DO UPDATE SET since = excluded.since",
        (member,),
    )


async def forget_push_readers(pool: Pool, members: Iterable[str], before: datetime) -> None:
    """Except for those who have subscribed again since."""
    await execute(
        pool,
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


async def read_messages_to_push(pool: Pool, wanted: Sequence[PushWanted]) -> list[Told | None]:
    """For each one wanted; None if there is nothing to notify of."""
    rows = await fetch(
        pool,
        _DESCRIBE,
        (
            id_array(one.user for one in wanted),
            id_array(one.chat for one in wanted),
            number_array(one.first for one in wanted),
            number_array(one.seq for one in wanted),
            number_array(one.level == "mentions" for one in wanted),
        ),
    )
    told = {nth: Told(*rest) for nth, *rest in rows}
    return [told.get(nth) for nth in range(1, len(wanted) + 1)]
