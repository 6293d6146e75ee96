"""Messages by their words: one statement finds them, decides who may read, and returns them as they
are now. It tells which chats the index is behind with, too."""

from typing import Final, NamedTuple

from chats.search.query import Query
from chats.store.arrays import text_array
from chats.store.statement import Statement
from common.database.pool import Pool
from common.protocol.ids import HIGHEST_ID


class Cursor(NamedTuple):
    """A place in the order of results: time in ms since 1970, then messageId."""

    ms: int
    message: str


NEWEST = Cursor(2**62, HIGHEST_ID)

OVERDUE_SECONDS: Final = 0.5  # what is younger is fed soon

_MINE: Final = """
WITH mine AS MATERIALIZED (
    SELECT chat FROM participants WHERE member = $1::uuid AND ($2::uuid IS NULL OR chat = $2::uuid)
)
"""
# By the times in the events themselves, which are of PostgreSQL's clock.
_OVERDUE: Final = f"""
SELECT mine.chat::text, (
    SELECT seq FROM log WHERE chat = mine.chat ORDER BY seq DESC LIMIT 1
) - coalesce(s.upto, 0)
FROM mine LEFT JOIN search_progress s ON s.chat = mine.chat CROSS JOIN LATERAL (
    SELECT event FROM log WHERE chat = mine.chat AND seq > coalesce(s.upto, 0) ORDER BY seq LIMIT 1
) l
WHERE (convert_from(l.event, 'UTF8')::json ->> 'at')::timestamptz
    < clock_timestamp() - make_interval(secs => {OVERDUE_SECONDS})
"""  # noqa: S608 - a constant
_LIST_OVERDUE = Statement("search_overdue", _MINE + _OVERDUE)
_SEARCH = Statement(
    "search",
    f"""
{_MINE}
SELECT h.ms, h.message::text, show_message(l.event, c.current, c.reactions)
FROM search_chats(
    ARRAY(SELECT chat FROM mine), $3, $4::text[], $5::tsquery, $6::bigint, $7::uuid, $8::bigint
) AS h
JOIN log l ON l.chat = h.chat AND l.seq = h.seq
LEFT JOIN changed_messages c ON c.chat = h.chat AND c.seq = h.seq
UNION ALL SELECT NULL, NULL, NULL WHERE EXISTS ({_OVERDUE})
""",  # noqa: S608 - constants
)


class PageSought(NamedTuple):
    """In the chats that the reader takes part in, or the one, the newest messages that are older
    than `before`, from anybody or the one sender."""

    reader: str
    chat: str | None
    sender: str | None
    query: Query
    before: Cursor
    limit: int


class Hit(NamedTuple):
    """A message as it is shown now."""

    place: Cursor
    message: bytes


class PageFound(NamedTuple):
    """The newest first. Some may be missing if a chat is overdue."""

    hits: list[Hit]
    is_behind: bool


async def find_messages(pool: Pool, sought: PageSought) -> PageFound:
    reader, chat, sender, query, before, limit = sought
    terms = query.terms if sender is None else f"{query.terms} & '@{sender}'"
    strings = sorted(query.strings, key=len, reverse=True)  # the first one excludes most lines
    rows = await _SEARCH.fetch(
        pool,
        (
            *(reader, chat, sender, text_array(strings), terms),
            *(str(before.ms), before.message, str(limit)),
        ),
    )
    hits = [Hit(Cursor(ms, message), event) for ms, message, event in rows if event is not None]
    hits.sort(reverse=True)
    return PageFound(hits, is_behind=len(hits) < len(rows))


class Overdue(NamedTuple):
    """A chat of which the index lacks so many rows, one of them for too long."""

    chat: str
    rows: int


async def list_overdue(pool: Pool, reader: str, chat: str | None) -> list[Overdue]:
    """Those among the reader's chats; with `chat`, that one if it is among them."""
    return [Overdue(*row) for row in await _LIST_OVERDUE.fetch(pool, (reader, chat))]
