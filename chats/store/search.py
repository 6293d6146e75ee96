"""Messages by their words: one statement finds them, decides who may read, and returns them as they
are now."""

from typing import NamedTuple

from chats.search.query import Query
from chats.store.query import fetch
from common.database.pool import Pool
from common.protocol.ids import HIGHEST_ID


class Cursor(NamedTuple):
    """A place in the order of results: time in ms since 1970, then messageId."""

    ms: int
    message: str


NEWEST = Cursor(2**62, HIGHEST_ID)

_SEARCH = """
SELECT h.ms, h.message::text, show_message(l.event, c.current, c.reactions)
FROM search_messages(
    %s::uuid, %s::uuid, %s::text, %s::text[], %s::tsquery, %s::bigint, %s::uuid, %s::bigint
) AS h
JOIN log l ON l.chat = h.chat AND l.seq = h.seq
LEFT JOIN changed_messages c ON c.chat = h.chat AND c.seq = h.seq
ORDER BY h.ms DESC, h.message DESC
"""


async def find_messages(
    pool: Pool, reader: str, chat: str | None, sender: str | None, query: Query, before: Cursor,
    limit: int,
) -> list[tuple[Cursor, bytes]]:  # fmt: skip
    """In the chats that the reader takes part in, or the one, the newest that are older than
    `before`."""
    terms = query.terms if sender is None else f"{query.terms} & '@{sender}'"
    strings = sorted(query.strings, key=len, reverse=True)  # the first one excludes most lines
    rows = await fetch(pool, _SEARCH, (reader, chat, sender, strings, terms, *before, limit))
    return [(Cursor(ms, message), event) for ms, message, event in rows]
