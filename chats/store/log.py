"""The event log: pages for people, slices and heads for realtime nodes."""

from typing import NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.query import HEAD_OF_CHAT, fetch
from common.database.pool import Pool
from common.protocol.limits import MAX_SLICE_BYTES, MAX_SLICE_EVENTS


class LogRow(NamedTuple):
    """`controls` as the log keeps them."""

    seq: int
    event: bytes
    controls: str | None


_MESSAGES = (
    "SELECT event FROM log WHERE chat = %s::uuid AND kind = 'message' AND seq < %s::bigint"
    " ORDER BY seq DESC LIMIT %s::bigint"
)
# Cut by bytes, but never empty where there is something.
_EVENTS = """
SELECT seq, event FROM (
    SELECT seq, event, sum(octet_length(event)) OVER (ORDER BY seq) AS total,
        row_number() OVER (ORDER BY seq) AS nth
    FROM (SELECT seq, event FROM log WHERE chat = %s::uuid AND seq > %s::bigint
          ORDER BY seq LIMIT %s::bigint) AS page
) AS measured WHERE total <= %s::bigint OR nth = 1 ORDER BY seq
"""
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


async def list_messages(pool: Pool, chat: str, before: int, limit: int) -> list[bytes]:
    """Message events, newest first, below `before`."""
    rows = await fetch(pool, _MESSAGES, (chat, before, limit))
    return [event for (event,) in rows]


async def list_events(
    pool: Pool, chat: str, after: int, limit: int, max_bytes: int
) -> list[tuple[int, bytes]]:
    """(seq, event) above `after`, at least one where there is one."""
    return [
        (seq, event) for seq, event in await fetch(pool, _EVENTS, (chat, after, limit, max_bytes))
    ]


async def read_slices(
    pool: Pool, wanted: list[tuple[str, int, int]]
) -> list[tuple[int, list[LogRow]]]:
    """For each (chat, after, known) the chat's head and, unless that is `known`, the rows above
    `after`: at most a slice, at least one where there is one."""
    rows = await fetch(
        pool,
        _SLICES,
        (
            id_array([chat for chat, _, _ in wanted]),
            number_array([after for _, after, _ in wanted]),
            number_array([known for _, _, known in wanted]),
        ),
    )
    heads = [0] * len(wanted)
    slices: list[list[LogRow]] = [[] for _ in wanted]
    for nth, head, seq, event, controls in rows:
        heads[nth - 1] = head
        if seq is not None:
            slices[nth - 1].append(LogRow(seq, event, controls))
    return list(zip(heads, slices, strict=True))


async def compare_heads(pool: Pool, heads: dict[str, int]) -> dict[str, int]:
    """Those that differ, as they are; 0 for a chat that never was."""
    rows = await fetch(pool, _HEADS, (id_array(heads), number_array(heads.values())))
    return {chat: head for chat, head in rows}
