"""What is one person's own of chats: markers, settings, and counts, which nobody keeps up to date:
each is a bounded scan of an index when it is asked for."""

from typing import Final, NamedTuple

from chats.store.arrays import id_array
from chats.store.chats import COLUMNS, SHOWN, ChatRow
from chats.store.query import HEAD_OF_CHAT, fetch
from common.database.pool import Pool
from common.protocol.own import Notify

MAX_COUNTED: Final = 100
_OWN = f"""
SELECT w.nth, r.marker, (
    SELECT count(*) FROM (
        SELECT FROM log l WHERE l.chat = p.chat AND l.seq > r.marker AND l.kind = 'message'
            AND l.sender <> p.member AND NOT EXISTS (
                SELECT FROM changed_messages d
                WHERE d.chat = l.chat AND d.seq = l.seq AND d.is_deleted
            )
        ORDER BY l.seq LIMIT {MAX_COUNTED}
    ) AS unread
), (
    SELECT count(*) FROM (
        SELECT FROM current_mentions k
        WHERE k.member = p.member AND k.chat = p.chat AND k.seq > r.marker
        ORDER BY k.seq LIMIT {MAX_COUNTED}
    ) AS mentions
), coalesce(o.notify, 'all'), coalesce(o.archived >= coalesce(n.seq, 0), false), n.shown
FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS w (chat, member, nth)
JOIN participants p ON p.chat = w.chat AND p.member = w.member
LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
CROSS JOIN LATERAL (SELECT read_marker(p, o) AS marker OFFSET 0) AS r
LEFT JOIN LATERAL (
    SELECT l.seq, show_message(l.event, d.current, d.reactions) AS shown
    FROM log l LEFT JOIN changed_messages d ON d.chat = l.chat AND d.seq = l.seq
    WHERE l.chat = p.chat AND l.kind = 'message' ORDER BY l.seq DESC LIMIT 1
) AS n ON true
"""  # noqa: S608 - constants
_BY_ACTIVITY = f"""
WITH timed AS MATERIALIZED (
    SELECT p.chat, event_at(coalesce(
        (SELECT l.event FROM log l WHERE l.chat = p.chat AND l.kind = 'message'
         ORDER BY l.seq DESC LIMIT 1),
        (SELECT l.event FROM log l WHERE l.chat = p.chat AND l.seq = 1)
    )) AS at
    FROM participants p WHERE p.member = %s::uuid
), page AS MATERIALIZED (
    SELECT t.chat, t.at FROM timed t WHERE (t.at, t.chat) < (%s::text, %s::uuid)
    ORDER BY t.at DESC, t.chat DESC LIMIT %s::bigint
)
SELECT page.at, {COLUMNS}, {SHOWN} FROM page JOIN chats c ON c.id = page.chat
ORDER BY page.at DESC, page.chat DESC
"""  # noqa: S608 - constants


class OwnRow(NamedTuple):
    """`last` is the newest current message, a deleted one too."""

    read: int
    unread: int
    mentions: int
    notify: Notify
    is_archived: bool
    last: bytes | None


async def read_own(pool: Pool, wanted: list[tuple[str, str]]) -> list[OwnRow | None]:
    """For each (chat, member), all of one moment; None for one who does not take part."""
    parameters = (id_array([chat for chat, _ in wanted]), id_array([who for _, who in wanted]))
    found: list[OwnRow | None] = [None] * len(wanted)
    for nth, *row in await fetch(pool, _OWN, parameters):
        found[nth - 1] = OwnRow(*row)
    return found


async def list_chats_by_activity(
    pool: Pool, member: str, before: tuple[str, str], limit: int
) -> list[tuple[str, ChatRow, list[str]]]:
    """Newest last message first, a chat without one by its making; below the time and id of
    `before`. Each with its time and first participants."""
    rows = await fetch(pool, _BY_ACTIVITY, (member, *before, limit))
    return [(row[0], ChatRow(*row[1:-1]), row[-1]) for row in rows]


async def forget_own(pool: Pool, member: str) -> None:
    """All that is this person's own."""
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM own_chats WHERE member = %s::uuid", (member,))


async def set_own(
    pool: Pool, chat: str, member: str, notify: str | None, archived: bool | None
) -> bool:
    """What is None stays. False for one who does not take part."""
    rows = await fetch(
        pool,
        f"""
        INSERT INTO own_chats AS o (member, chat, notify, archived)
        SELECT p.member, c.id, coalesce(%(notify)s::text, 'all'),
            CASE WHEN %(archived)s::boolean THEN {HEAD_OF_CHAT} END
        FROM participants p JOIN chats c ON c.id = p.chat
        WHERE p.chat = %(chat)s::uuid AND p.member = %(member)s::uuid
        ON CONFLICT (member, chat) DO UPDATE SET
            notify = coalesce(%(notify)s::text, o.notify),
            archived = CASE
                WHEN %(archived)s::boolean IS NULL THEN o.archived ELSE excluded.archived
            END
        RETURNING true
        """,  # noqa: S608 - constants
        {"chat": chat, "member": member, "notify": notify, "archived": archived},
    )
    return bool(rows)
