"""Current messages: those of the log with later changes applied, in one snapshot with the chat's
head."""

from typing import Final, NamedTuple

from chats.store.query import HEAD_OF_CHAT
from chats.store.statement import Statement
from chats.store.stretches import Stretch, stretch_arrays
from common.database.pool import Pool

CURRENT: Final = """
SELECT show_message(l.event, d.current, d.reactions)
FROM log l LEFT JOIN changed_messages d ON d.chat = l.chat AND d.seq = l.seq
WHERE l.kind = 'message'
"""
"""The current messages of `l`; more conditions may follow."""

# One value with all messages: chats would take an array of them apart and join them again. Most
# messages never change: above the newest one that did, no row of their own is looked up. Without
# OFFSET 0 that condition would be checked only after searching the index.
_PAGES = f"""
SELECT w.nth, {HEAD_OF_CHAT}, coalesce(page.messages, ''), (
    SELECT true FROM log l WHERE l.kind = 'message' AND l.chat = c.id AND l.seq {{beyond}}
    ORDER BY l.seq {{order}} LIMIT 1
) IS NOT NULL
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
    WITH ORDINALITY AS w (chat, reader, start, amount, nth)
JOIN participants m ON m.chat = w.chat AND m.member = w.reader
JOIN chats c ON c.id = m.chat
CROSS JOIN LATERAL (
    SELECT (
        SELECT d.seq FROM changed_messages d WHERE d.chat = c.id AND d.seq {{within}}
        ORDER BY d.seq DESC LIMIT 1
    ) AS newest
) AS changed
CROSS JOIN LATERAL (
    SELECT string_agg(shown.message, ','::bytea{{newest_first}}) AS messages,
        {{last}}(shown.seq) AS last
    FROM (
        SELECT l.seq, show_message(l.event, d.current, d.reactions) AS message
        FROM log l LEFT JOIN LATERAL (
            SELECT d.current, d.reactions FROM changed_messages d
            WHERE l.seq <= changed.newest AND d.chat = l.chat AND d.seq = l.seq OFFSET 0
        ) AS d ON true
        WHERE l.kind = 'message' AND l.chat = c.id AND l.seq {{within}}
        ORDER BY l.seq {{order}} LIMIT w.amount
    ) AS shown
) AS page
"""  # noqa: S608 - constants
_BELOW = Statement(
    "pages_below",
    _PAGES.format(
        within="< w.start", order="DESC", last="min", beyond="< page.last", newest_first=""
    ),
)
_ABOVE = Statement(
    "pages_above",
    _PAGES.format(
        within="> w.start", order="ASC", last="max", beyond="> page.last",
        newest_first=" ORDER BY shown.seq DESC",
    ),
)  # fmt: skip
_ONE = Statement(
    "message",
    # The same snapshot decides who may read, as in log.py.
    f"""
{CURRENT} AND l.chat = $1::uuid AND message_id(l.event) = $3::uuid AND d.is_deleted IS NOT TRUE
AND EXISTS (SELECT FROM participants WHERE chat = $1::uuid AND member = $2::uuid)
""",
)


class MessagesRead(NamedTuple):
    """Encoded messages, newest first, separated by commas, and the chat's head, from one snapshot;
    `more`: there are others beyond them."""

    head: int
    messages: bytes
    more: bool


async def list_messages_below(pool: Pool, wanted: list[Stretch]) -> list[MessagesRead | None]:
    """For each one wanted the newest messages; None for a user who does not take part."""
    return await _list_messages(pool, _BELOW, wanted)


async def list_messages_above(pool: Pool, wanted: list[Stretch]) -> list[MessagesRead | None]:
    """For each one wanted the oldest messages; None for a user who does not take part."""
    return await _list_messages(pool, _ABOVE, wanted)


async def _list_messages(
    pool: Pool, statement: Statement, wanted: list[Stretch]
) -> list[MessagesRead | None]:
    rows = await statement.fetch(pool, stretch_arrays(wanted))
    found: list[MessagesRead | None] = [None] * len(wanted)
    for nth, *read in rows:
        found[nth - 1] = MessagesRead(*read)
    return found


async def find_message(pool: Pool, chat: str, member: str, message: str) -> bytes | None:
    """None if the user does not take part, or the message is deleted or of another chat."""
    rows = await _ONE.fetch(pool, (chat, member, message))
    return rows[0][0] if rows else None
