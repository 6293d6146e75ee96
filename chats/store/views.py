"""What many readers may see of chats, in one statement: the same rows decide who may read and what
there is to read."""

from collections.abc import Sequence
from typing import NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.chats import COLUMNS, SHOWN, ChatRow
from chats.store.history import CURRENT
from chats.store.own import OwnState
from chats.store.statement import Statement
from common.database.pool import Pool
from common.protocol.chats import ViewWanted


class ViewRow(NamedTuple):
    """`participants` are the first ones, if they were wanted. If `after` was 0, `messages` are the
    current ones, newest first; otherwise `events` are those about messages above it, ascending.
    `state` is the reader's own, if it was wanted."""

    chat: ChatRow
    participants: list[str] | None
    messages: list[bytes]
    events: list[bytes]
    state: OwnState | None = None


_ABOUT_MESSAGES = (
    "'{message,message.edited,message.deleted,reaction.added,reaction.removed,links.previewed}'"
    "::text[]"
)
_VIEWS = Statement(
    "views",
    f"""
SELECT w.nth, (SELECT epoch::text FROM installation),
    CASE WHEN w.details THEN {SHOWN} END,
    ARRAY({CURRENT} AND w.after = 0 AND l.chat = c.id ORDER BY l.seq DESC LIMIT w.amount),
    ARRAY(
        SELECT l.event FROM log l
        WHERE w.after > 0 AND l.chat = c.id AND l.seq > w.after AND l.kind = ANY ({_ABOUT_MESSAGES})
        ORDER BY l.seq LIMIT w.amount
    ),
    CASE WHEN w.own THEN read_marker(m, o) END, coalesce(o.notify, 'all'), o.archived,
    {COLUMNS}
FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::bigint[], $5::bigint[], $6::boolean[])
    WITH ORDINALITY AS w (chat, reader, details, after, amount, own, nth)
JOIN participants m ON m.chat = w.chat AND m.member = w.reader
JOIN chats c ON c.id = m.chat
LEFT JOIN own_chats o ON w.own AND o.member = m.member AND o.chat = m.chat
""",  # noqa: S608 - constants
)


async def read_views(pool: Pool, wanted: Sequence[ViewWanted]) -> tuple[str, list[ViewRow | None]]:
    """The epoch, and each view, or None if its reader does not take part. The epoch is empty if
    nobody does."""
    rows = await _VIEWS.fetch(
        pool,
        (
            id_array([one.chat for one in wanted]),
            id_array([one.user for one in wanted]),
            number_array([one.details for one in wanted]),
            number_array([one.after for one in wanted]),
            number_array([one.amount for one in wanted]),
            number_array([one.own for one in wanted]),
        ),
    )
    found: list[ViewRow | None] = [None] * len(wanted)
    for nth, epoch, participants, messages, events, read, notify, archived, *chat in rows:
        row = ChatRow(*chat)
        state = None if read is None else OwnState(epoch, row.seq, read, notify, archived)
        found[nth - 1] = ViewRow(row, participants, messages, events, state)
    return (rows[0][1] if rows else ""), found
