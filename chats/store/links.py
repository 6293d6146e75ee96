"""SQL of links that are to be fetched."""

from typing import Final, NamedTuple

from psycopg.types.json import Jsonb

from chats.store.query import execute, fetch
from common.database.pool import Pool

MAX_WAITING: Final = 2_000  # messages; further ones get no previews
MAX_ATTEMPTS: Final = 3
_KEEP: Final = """
INSERT INTO links_to_preview (chat, seq, text_seq, message, sender, urls, due_at)
SELECT r.chat, r.seq, r.text_seq, r.message, r.sender, r.urls, now()
FROM jsonb_to_recordset(%s::jsonb)
    AS r (chat uuid, seq bigint, text_seq bigint, message uuid, sender uuid, urls text[])
WHERE (SELECT count(*) FROM (SELECT FROM links_to_preview LIMIT %s) AS w) < %s
    AND NOT EXISTS (
        SELECT FROM changed_messages d WHERE d.chat = r.chat AND d.seq = r.seq AND d.is_deleted
    )
ON CONFLICT (chat, seq) DO UPDATE SET
    text_seq = excluded.text_seq, urls = excluded.urls, attempts = 0, due_at = excluded.due_at
WHERE links_to_preview.text_seq < excluded.text_seq
"""
_CLAIM: Final = """
WITH due AS (
    SELECT chat, seq FROM links_to_preview WHERE due_at < now()
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
), tried AS (
    DELETE FROM links_to_preview l USING due
    WHERE l.chat = due.chat AND l.seq = due.seq AND l.attempts >= %s
)
UPDATE links_to_preview l
SET due_at = now() + make_interval(secs => %s), attempts = l.attempts + 1
FROM due WHERE l.chat = due.chat AND l.seq = due.seq AND l.attempts < %s
RETURNING l.chat::text, l.seq, l.text_seq, l.message::text, l.sender::text, l.urls
"""


class LinksRow(NamedTuple):
    """Of a message; `text_seq` is the event that has its text."""

    chat: str
    seq: int
    text_seq: int
    message: str
    sender: str
    urls: list[str]


async def keep_links(pool: Pool, rows: list[LinksRow]) -> int:
    """Those of messages that are not deleted already; returns how many could be stored."""
    kept = Jsonb([row._asdict() for row in rows])
    return await execute(pool, _KEEP, (kept, MAX_WAITING, MAX_WAITING))


async def claim_links(pool: Pool, limit: int, seconds: float) -> list[LinksRow]:
    """The links that are due; others then leave them alone for so long."""
    rows = await fetch(pool, _CLAIM, (limit, MAX_ATTEMPTS, seconds, MAX_ATTEMPTS))
    return [LinksRow(*row) for row in rows]


async def forget_links(pool: Pool, chat: str, seq: int, text_seq: int) -> None:
    """Not those of a later text."""
    await execute(
        pool,
        "DELETE FROM links_to_preview WHERE chat = %s::uuid AND seq = %s AND text_seq = %s",
        (chat, seq, text_seq),
    )
