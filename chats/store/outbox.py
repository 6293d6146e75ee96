"""The outbox: which events are committed, but not known to be published."""

from typing import NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.log import LogRow
from chats.store.query import execute, fetch
from common.database.pool import Pool

MAX_COUNTED = 10_000
_CLAIM = """
WITH due AS (
    SELECT id FROM outbox
    WHERE id > %s::bigint AND since < clock_timestamp() - %s * interval '1 millisecond'
        AND (claimed_at IS NULL OR claimed_at < clock_timestamp() - %s * interval '1 millisecond')
    ORDER BY id LIMIT %s::bigint FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET claimed_at = clock_timestamp() FROM due WHERE o.id = due.id
RETURNING o.id, o.chat::text, o.first, o.last
"""
_CLAIMED_EVENTS = """
SELECT w.nth, l.seq, l.event, l.controls
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) WITH ORDINALITY AS w (chat, first, last, nth)
JOIN LATERAL (
    SELECT seq, event, controls FROM log
    WHERE chat = w.chat AND seq BETWEEN w.first AND w.last ORDER BY seq DESC LIMIT %s::bigint
) AS l ON true
ORDER BY w.nth, l.seq
"""
_NEWEST = "id > (SELECT last_value FROM outbox_id_seq) - %s::bigint"
_HEADS = f"SELECT chat::text, max(last) FROM outbox WHERE {_NEWEST} GROUP BY chat"  # noqa: S608
# OFFSET 0 makes the outbox the outer side: there are many more membership changes in the log.
_CHANGED = f"""
SELECT o.chat::text, l.controls FROM outbox o
CROSS JOIN LATERAL (
    SELECT controls FROM log
    WHERE chat = o.chat AND seq BETWEEN o.first AND o.last AND controls IS NOT NULL OFFSET 0
) AS l WHERE {_NEWEST}
"""  # noqa: S608 - a constant


# Counting all would take longer the longer Valkey is down. Ids are consecutive, so if there are too
# many to count, the span of ids is close enough.
_MEASURE = """
SELECT extract(epoch FROM clock_timestamp() - o.since)::float8,
    (SELECT last_value FROM outbox_id_seq) - o.id + 1,
    (SELECT count(*) FROM (SELECT FROM outbox WHERE id >= o.id ORDER BY id LIMIT %s::bigint) AS c)
FROM outbox o WHERE o.id > %s::bigint ORDER BY o.id LIMIT 1
"""
# The setting is local to this transaction, like SET LOCAL, which would take three more round trips.
_SETTLE = """
WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM outbox USING unhurried WHERE id = ANY (%s::bigint[])
"""


class OutboxRow(NamedTuple):
    """Consecutive seqs of one chat that are not known to be published."""

    id: int
    chat: str
    first: int
    last: int


class OutboxSize(NamedTuple):
    """Rows, estimated above `MAX_COUNTED`, and the age of the oldest event."""

    rows: int
    age_seconds: float


async def claim_rows(pool: Pool, *, above: int, older_than_ms: int, limit: int) -> list[OutboxRow]:
    """The oldest rows with an id above `above`; no other replica gets them for another
    `older_than_ms`."""
    parameters = (above, older_than_ms, older_than_ms, limit)
    return [OutboxRow(*row) for row in await fetch(pool, _CLAIM, parameters)]


async def read_claimed_events(
    pool: Pool, ranges: list[tuple[str, int, int]], newest: int
) -> list[list[LogRow]]:
    """For each (chat, first, last) the newest of its events, ascending."""
    rows = await fetch(
        pool,
        _CLAIMED_EVENTS,
        (
            id_array([chat for chat, _, _ in ranges]),
            number_array([first for _, first, _ in ranges]),
            number_array([last for _, _, last in ranges]),
            newest,
        ),
    )
    found: list[list[LogRow]] = [[] for _ in ranges]
    for nth, *row in rows:
        found[nth - 1].append(LogRow(*row))
    return found


async def mark_published(pool: Pool, ids: list[int]) -> None:
    """Deletes these rows. If a deletion is lost, the rows are published again, so it waits for no
    disk."""
    await execute(pool, _SETTLE, (number_array(ids),))


async def find_newest_id(pool: Pool) -> int:
    """The last id given to a row, perhaps in a transaction that is still in progress."""
    rows = await fetch(pool, "SELECT last_value FROM outbox_id_seq")
    newest: int = rows[0][0]
    return newest


async def is_empty_between(pool: Pool, above: int, upto: int) -> bool:
    """Whether no row has an id above the first and up to the second."""
    query = "SELECT NOT EXISTS (SELECT FROM outbox WHERE id > %s AND id <= %s)"
    rows = await fetch(pool, query, (above, upto))
    is_empty: bool = rows[0][0]
    return is_empty


async def list_unpublished(pool: Pool, newest: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """From about the newest so many rows: each chat's last seq, and (chat, controls) of membership
    changes."""
    heads = await fetch(pool, _HEADS, (newest,))
    changed = await fetch(pool, _CHANGED, (newest,)) if heads else []
    return {chat: last for chat, last in heads}, [(chat, text) for chat, text in changed]


async def measure(pool: Pool, *, above: int) -> OutboxSize:
    """Of the rows with an id above `above`."""
    rows = await fetch(pool, _MEASURE, (MAX_COUNTED, above))
    if not rows:
        return OutboxSize(0, 0.0)
    age_seconds, span, counted = rows[0]
    return OutboxSize(span if counted == MAX_COUNTED else counted, max(0.0, age_seconds))
