"""What is committed and not known to be published."""

from typing import NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.log import LogRow
from chats.store.query import fetch
from common.database import Pool

_CLAIM = """
WITH due AS (
    SELECT chat FROM outbox WHERE since < clock_timestamp() - %s * interval '1 millisecond'
    ORDER BY since LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET since = clock_timestamp() FROM due WHERE o.chat = due.chat
RETURNING o.chat::text, o.first, o.last
"""
_CLAIMED_EVENTS = """
SELECT w.nth, l.seq, l.event, l.controls
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) WITH ORDINALITY AS w (chat, first, last, nth)
JOIN LATERAL (
    SELECT seq, event, controls FROM log
    WHERE chat = w.chat AND seq BETWEEN w.first AND w.last ORDER BY seq DESC LIMIT %s
) AS l ON true
ORDER BY w.nth, l.seq
"""
# OFFSET 0 makes the outbox the outer side: there are many more membership changes in the log.
_JOINS = """
SELECT o.chat::text, l.seq, l.controls FROM outbox o
CROSS JOIN LATERAL (
    SELECT seq, controls FROM log
    WHERE chat = o.chat AND seq BETWEEN o.first AND o.last AND controls IS NOT NULL OFFSET 0
) AS l
"""


class Owed(NamedTuple):
    """The seqs of one chat that wait."""

    chat: str
    first: int
    last: int


async def claim_owed(pool: Pool, *, older_than_ms: int, limit: int) -> list[Owed]:
    """Takes what waits for longest; nobody else gets it for another `older_than_ms`."""
    return [Owed(*row) for row in await fetch(pool, _CLAIM, (older_than_ms, limit))]


async def read_owed(pool: Pool, owed: list[Owed], newest: int) -> list[list[LogRow]]:
    """For each the newest of its rows, ascending."""
    chats, firsts, lasts = _columns(owed)
    rows = await fetch(pool, _CLAIMED_EVENTS, (chats, firsts, lasts, newest))
    found: list[list[LogRow]] = [[] for _ in owed]
    for nth, *row in rows:
        found[nth - 1].append(LogRow(*row))
    return found


async def settle(pool: Pool, published: list[Owed]) -> None:
    """These seqs were published and are owed no more."""
    async with pool.connection() as connection:
        await connection.execute(
            "SELECT settle_outbox(%s::uuid[], %s::bigint[], %s::bigint[])", _columns(published)
        )


async def list_owed(pool: Pool) -> tuple[dict[str, int], list[tuple[str, int, str]]]:
    """All that waits: the newest seq of each chat, and (chat, seq, controls) of the membership
    changes among it."""
    heads = await fetch(pool, "SELECT chat::text, last FROM outbox")
    joins = await fetch(pool, _JOINS) if heads else []
    return {chat: last for chat, last in heads}, [(c, s, t) for c, s, t in joins]


async def measure_owed(pool: Pool) -> tuple[int, float]:
    """How many chats wait, and for how many seconds the oldest."""
    rows = await fetch(
        pool,
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float8"
        " FROM outbox",
    )
    return rows[0][0], rows[0][1]


def _columns(owed: list[Owed]) -> tuple[str, str, str]:
    return (
        id_array([o.chat for o in owed]),
        number_array([o.first for o in owed]),
        number_array([o.last for o in owed]),
    )
