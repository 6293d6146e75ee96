"""The event log: pages of it for participants, slices and heads for realtime nodes."""

from typing import NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.query import HEAD_OF_CHAT, fetch
from chats.store.statement import Statement
from chats.store.stretches import Stretch, stretch_arrays
from common.database.pool import Pool
from common.protocol.chats import JoinWanted
from common.protocol.ids import LOWEST_ID
from common.protocol.limits import MAX_SLICE_BYTES, MAX_SLICE_EVENTS


class LogRow(NamedTuple):
    """`controls` as stored in the log."""

    seq: int
    event: bytes
    controls: str | None


# The same snapshot decides who may read and what there is to read: an event committed after a
# removal is never in a page for the user who was removed.
_EVENTS = Statement(
    "events",
    f"""
SELECT w.nth, {HEAD_OF_CHAT},
    coalesce(CASE WHEN page.fits THEN page.events ELSE cut.events END, ''),
    CASE WHEN page.fits THEN page.amount ELSE cut.amount END
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
    WITH ORDINALITY AS w (chat, reader, start, amount, nth)
CROSS JOIN (SELECT $5::bigint AS bytes) AS most
JOIN participants m ON m.chat = w.chat AND m.member = w.reader
JOIN chats c ON c.id = m.chat
CROSS JOIN LATERAL (
    SELECT string_agg(l.event, ','::bytea) FILTER (WHERE l.is_short) AS events,
        count(*) AS amount, bool_and(l.is_short) AS fits
    FROM (SELECT l.event, octet_length(l.event) * w.amount <= most.bytes AS is_short
          FROM log l WHERE l.chat = c.id AND l.seq > w.start ORDER BY l.seq LIMIT w.amount) AS l
) AS page
CROSS JOIN LATERAL (
    SELECT string_agg(measured.event, ','::bytea) AS events, count(*) AS amount FROM (
        SELECT page.event, octet_length(page.event) AS size,
            sum(octet_length(page.event)) OVER (ORDER BY page.seq) AS total
        FROM (SELECT l.seq, l.event FROM log l WHERE NOT page.fits AND l.chat = c.id
              AND l.seq > w.start ORDER BY l.seq LIMIT w.amount) AS page
        ORDER BY page.seq
    ) AS measured WHERE measured.total <= most.bytes OR measured.total = measured.size
) AS cut
""",  # noqa: S608 - constants
)
# `known` is the last seq that the window could add to an answer that reaches back to `after`.
_SLICES = f"""
SELECT c.nth, coalesce(c.head, 0), l.seq, l.event, l.controls
FROM (
    SELECT id, after, known, nth, {HEAD_OF_CHAT} AS head
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[])
        WITH ORDINALITY AS c (id, after, known, nth)
) AS c
LEFT JOIN LATERAL (
    SELECT seq, event, controls, sum(octet_length(event)) OVER (ORDER BY seq) AS total,
        row_number() OVER (ORDER BY seq) AS nth
    FROM (SELECT seq, event, controls FROM log WHERE chat = c.id AND seq > c.after
              AND c.head <> c.known ORDER BY seq LIMIT {MAX_SLICE_EVENTS}) AS page
) AS l ON l.total <= {MAX_SLICE_BYTES} OR l.nth = 1
ORDER BY c.nth, l.seq
"""  # noqa: S608 - constants
_HEADS = f"""
SELECT id::text, coalesce(head, 0) FROM (
    SELECT id, believed, {HEAD_OF_CHAT} AS head
    FROM unnest(%s::uuid[], %s::bigint[]) AS c (id, believed)
) AS compared WHERE coalesce(head, 0) <> believed
"""  # noqa: S608 - constants
_LAST_JOINS = """
SELECT coalesce((
    SELECT l.seq FROM log l WHERE l.chat = w.chat AND l.controls IS NOT NULL AND EXISTS (
        SELECT FROM jsonb_array_elements(l.controls::jsonb) AS control
        WHERE control->>'action' = 'join' AND control->'users' ? w.member
    ) ORDER BY l.seq DESC LIMIT 1
), 0) FROM unnest(%s::uuid[], %s::uuid[]::text[]) WITH ORDINALITY AS w (chat, member, nth)
ORDER BY w.nth
"""


class EventsRead(NamedTuple):
    """Encoded events separated by commas, the chat's head, both from one snapshot, and the number
    of events."""

    head: int
    events: bytes
    amount: int


async def list_events_for(
    pool: Pool, wanted: list[Stretch], max_bytes: int
) -> list[EventsRead | None]:
    """For each one wanted the events right above its start, at least one if there is one; None for
    a user who does not take part."""
    rows = await _EVENTS.fetch(pool, (*stretch_arrays(wanted), str(max_bytes)))
    found: list[EventsRead | None] = [None] * len(wanted)
    for nth, *read in rows:
        found[nth - 1] = EventsRead(*read)
    return found


class Doubted(NamedTuple):
    """The events above `after`, unless the chat's head is still the `known` one."""

    chat: str
    after: int
    known: int | None


async def read_slices(pool: Pool, wanted: list[Doubted]) -> list[tuple[int, list[LogRow]]]:
    """For each the chat's head and, unless that is `known`, the rows above `after`: at most a
    slice, at least one if there is one."""
    rows = await fetch(
        pool,
        _SLICES,
        (
            id_array([one.chat for one in wanted]),
            number_array([one.after for one in wanted]),
            number_array([-1 if one.known is None else one.known for one in wanted]),
        ),
    )
    heads = [0] * len(wanted)
    slices: list[list[LogRow]] = [[] for _ in wanted]
    for nth, head, seq, event, controls in rows:
        heads[nth - 1] = head
        if seq is not None:
            slices[nth - 1].append(LogRow(seq, event, controls))
    return list(zip(heads, slices, strict=True))


async def find_last_joins(pool: Pool, wanted: list[JoinWanted]) -> list[int]:
    """The seq of the event with which each user last joined the chat, or 0."""
    parameters = (id_array([one.chat for one in wanted]), id_array([one.user for one in wanted]))
    return [seq for (seq,) in await fetch(pool, _LAST_JOINS, parameters)]


async def compare_heads(pool: Pool, heads: dict[str, int]) -> dict[str, int]:
    """The current heads of those that differ; 0 for a chat that never existed."""
    rows = await fetch(pool, _HEADS, (id_array(heads), number_array(heads.values())))
    return {chat: head for chat, head in rows}


class SentMessage(NamedTuple):
    """A message by its sender. `place` is where the list continues; `events` is how many events of
    the log have its text or its previews, 0 if it is deleted."""

    place: str
    chat: str
    message_id: str
    events: int


async def list_messages_of(pool: Pool, sender: str, after: str, limit: int) -> list[SentMessage]:
    """In all existing chats; `after` is a place, empty for the first page."""
    key, chat = after.split() if after else (LOWEST_ID, LOWEST_ID)
    rows = await fetch(
        pool,
        "SELECT l.key || ' ' || l.chat, l.chat::text, message_id(l.event)::text,"
        " CASE WHEN m.is_deleted THEN 0"
        " ELSE 1 + coalesce(cardinality(m.edits) + cardinality(m.previewed), 0) END"
        " FROM log l JOIN chats c ON c.id = l.chat"
        " LEFT JOIN changed_messages m ON m.chat = l.chat AND m.seq = l.seq"
        " WHERE l.sender = %s::uuid AND l.key IS NOT NULL"
        " AND (l.key, l.chat) > (%s::uuid, %s::uuid) AND c.deleted_at IS NULL"
        " ORDER BY l.key, l.chat LIMIT %s::bigint",
        (sender, key, chat, limit),
    )
    return [SentMessage(*row) for row in rows]
