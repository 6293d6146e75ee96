"""Current messages: the log's with what became of them, in one snapshot with the chat's head."""

from typing import Final

from chats.store.log import Page
from chats.store.query import HEAD_OF_CHAT, fetch
from common.database.pool import Pool

MAX_SEQ: Final = 2**63 - 1

CURRENT: Final = """
SELECT show_message(l.event, d.current, d.reactions)
FROM log l LEFT JOIN changed_messages d ON d.chat = l.chat AND d.seq = l.seq
WHERE l.kind = 'message'
"""
"""The current messages of `l`; more conditions may follow."""

# Who may read is decided by the same snapshot, as in log.py.
_READABLE: Final = """
FROM participants m JOIN chats c ON c.id = m.chat
WHERE m.chat = %s::uuid AND m.member = %s::uuid
"""
_BELOW = f"""
SELECT {HEAD_OF_CHAT}, ARRAY(
    {CURRENT} AND l.chat = c.id AND l.seq < %s::bigint ORDER BY l.seq DESC LIMIT %s::bigint
) {_READABLE}
"""
_ABOVE = f"""
SELECT {HEAD_OF_CHAT}, ARRAY(
    {CURRENT} AND l.chat = c.id AND l.seq > %s::bigint ORDER BY l.seq LIMIT %s::bigint
) {_READABLE}
"""
_ONE = f"""
SELECT {HEAD_OF_CHAT}, ARRAY(
    {CURRENT} AND l.chat = c.id AND message_id(l.event) = %s::uuid AND d.is_deleted IS NOT TRUE
) {_READABLE}
"""


async def list_messages_below(
    pool: Pool, member: str, chat: str, before: int | None, limit: int
) -> Page | None:
    """Newest first, below `before`; None for one who does not take part."""
    upto = MAX_SEQ if before is None else before
    rows = await fetch(pool, _BELOW, (upto, limit, chat, member))
    return Page(*rows[0]) if rows else None


async def list_messages_above(
    pool: Pool, member: str, chat: str, after: int, limit: int
) -> Page | None:
    """Oldest first, above `after`; None for one who does not take part."""
    rows = await fetch(pool, _ABOVE, (after, limit, chat, member))
    return Page(*rows[0]) if rows else None


async def find_message(pool: Pool, member: str, chat: str, message: str) -> bytes | None:
    """None for one who does not take part, and for what is deleted or of another chat."""
    rows = await fetch(pool, _ONE, (message, chat, member))
    return rows[0][1][0] if rows and rows[0][1] else None
