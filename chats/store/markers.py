"""Read markers, moved in batches: one statement, whose updates touch no index (HOT)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.query import fetch
from common.database.pool import Pool

# Where a marker moves forward soon after it was turned back, the socket that asked may hear of the
# turn after it has asked: it is told too.
CLOSE_MICROSECONDS: Final = 5_000_000
# Rows are locked in the order of the parameters, so that no two batches wait for each other. Joins
# of the two halves of the result would be nested loops here: the caller puts them together.
_MOVE = """
WITH found AS MATERIALIZED (
    SELECT w.nth, w.chat, w.member, w.seq, w.back, w.asked, j.joined, r.marker,
        w.seq + w.back::integer <= h.head AS is_there
    FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::boolean[], %s::bigint[])
        WITH ORDINALITY AS w (chat, member, seq, back, asked, nth)
    JOIN participants p ON p.chat = w.chat AND p.member = w.member
    LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
    CROSS JOIN LATERAL (SELECT read_marker(p, o) AS marker OFFSET 0) AS r
    CROSS JOIN LATERAL (
        SELECT coalesce(p.joined, last_join(p.chat, p.member)) AS joined OFFSET 0
    ) AS j
    CROSS JOIN LATERAL (
        SELECT l.seq AS head FROM log l WHERE l.chat = w.chat ORDER BY l.seq DESC LIMIT 1
    ) AS h
), moved AS (
    INSERT INTO own_chats AS o (member, chat, joined, read, asked, turned_back, turned_to)
    SELECT f.member, f.chat, f.joined, CASE WHEN f.back THEN least(f.seq, f.marker) ELSE f.seq END,
        f.asked, CASE WHEN f.back THEN microseconds_now() ELSE 0 END, f.seq
    FROM found f WHERE f.is_there AND (f.back OR f.seq > f.marker) ORDER BY f.nth
    ON CONFLICT (member, chat) DO UPDATE SET
        joined = excluded.joined,
        asked = excluded.asked,
        turned_back = CASE
            WHEN excluded.turned_back > 0 THEN microseconds_now() ELSE o.turned_back
        END,
        turned_to = CASE WHEN excluded.turned_back > 0 THEN excluded.turned_to ELSE o.turned_to END,
        turned_before = CASE
            WHEN excluded.turned_back > 0 THEN o.turned_back ELSE o.turned_before
        END,
        read = CASE
            WHEN o.joined <> excluded.joined THEN excluded.read
            WHEN excluded.turned_back > 0 THEN least(o.read, excluded.read)
            WHEN excluded.asked <= o.turned_before THEN o.read
            WHEN excluded.asked <= o.turned_back
            THEN greatest(o.read, least(excluded.read, o.turned_to))
            ELSE greatest(o.read, excluded.read)
        END
    RETURNING o.member, o.chat, o.read, o.asked - o.turned_back
)
SELECT f.nth, NULL, NULL, f.marker, f.is_there, NULL::bigint FROM found f
UNION ALL SELECT NULL, m.chat::text, m.member::text, m.read, NULL, m.since FROM moved m (
    member, chat, read, since
)
"""


class Move(NamedTuple):
    """Forward to `seq`, or `back` to it; `asked` at so many microseconds since 1970."""

    chat: str
    member: str
    seq: int
    back: bool
    asked: int


class Moved(NamedTuple):
    """Where the marker was and is; the same where nothing was moved. `is_above`: because the chat
    has not come so far."""

    before: int
    marker: int
    is_above: bool = False
    is_close: bool = False


async def move_markers(pool: Pool, moves: Sequence[Move]) -> list[Moved | None]:
    """At most one a chat and member. For each, None for one who does not take part."""
    order = sorted(range(len(moves)), key=lambda nth: (moves[nth].member, moves[nth].chat))
    ordered = [moves[nth] for nth in order]
    rows = await fetch(
        pool,
        _MOVE,
        (
            id_array([move.chat for move in ordered]),
            id_array([move.member for move in ordered]),
            number_array([move.seq for move in ordered]),
            "{" + ",".join("t" if move.back else "f" for move in ordered) + "}",
            number_array([move.asked for move in ordered]),
        ),
    )
    moved: list[Moved | None] = [None] * len(moves)
    places = {}
    for nth, _, _, marker, is_there, _ in rows:
        if nth is not None:
            place = order[nth - 1]
            places[moves[place].chat, moves[place].member] = place
            moved[place] = Moved(marker, marker, is_above=not is_there)
    for nth, chat, member, marker, _, since in rows:
        if nth is None:
            place = places[chat, member]
            found = moved[place]
            assert found is not None
            moved[place] = Moved(found.before, marker, is_close=since < CLOSE_MICROSECONDS)
    return moved
