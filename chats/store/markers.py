"""Read markers, moved in batches: one statement, whose updates touch no index (HOT)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from chats.store.arrays import id_array, number_array
from chats.store.query import fetch
from common.database.pool import Pool

# If a marker moves forward within this time after it was turned back, the socket that asked may
# learn of the turn only after it has asked, so it is told of the result too.
CLOSE_MICROSECONDS: Final = 5_000_000
CLOCK_MICROSECONDS: Final = 5_000_000  # by which a running server's clock may be set back
# Rows are locked in the order of the parameters, so that no two batches deadlock. Existing rows
# have a command of their own: ON CONFLICT would lock a row before the update, and write that to the
# WAL. If another batch has made the row meanwhile, nothing is done. Inserted rows have no `nth`;
# joining them with `found` would be a nested loop here.
# A turn of the marker in the future was made before the server's clock was set back: it holds up no
# move.
_MOVE = f"""
WITH found AS MATERIALIZED (
    SELECT w.nth, w.chat, w.member, w.seq, w.back, w.asked, j.joined, r.marker, h.is_there,
        h.is_there AND (w.back OR w.seq > r.marker) AS moves, o.member IS NOT NULL AS is_kept
    FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::boolean[], %s::bigint[])
        WITH ORDINALITY AS w (chat, member, seq, back, asked, nth)
    JOIN participants p ON p.chat = w.chat AND p.member = w.member
    LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
    CROSS JOIN LATERAL (
        SELECT coalesce(p.joined, last_join(p.chat, p.member)) AS joined OFFSET 0
    ) AS j
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.joined = j.joined THEN o.read ELSE j.joined END AS marker
    ) AS r
    CROSS JOIN LATERAL (
        SELECT w.seq + w.back::integer <= l.seq AS is_there FROM log l
        WHERE l.chat = w.chat ORDER BY l.seq DESC LIMIT 1
    ) AS h
), updated AS (
    UPDATE own_chats o SET
        joined = f.joined,
        asked = f.asked,
        turned_back = CASE WHEN f.back THEN microseconds_now() ELSE o.turned_back END,
        turned_to = CASE WHEN f.back THEN f.seq ELSE o.turned_to END,
        turned_before = CASE WHEN f.back THEN o.turned_back ELSE o.turned_before END,
        read = CASE
            WHEN o.joined <> f.joined AND f.back THEN least(f.seq, f.marker)
            WHEN o.joined <> f.joined THEN f.seq
            WHEN f.back THEN least(o.read, f.seq)
            WHEN f.asked <= o.turned_before AND o.turned_before <= n.latest THEN o.read
            WHEN f.asked <= o.turned_back AND o.turned_back <= n.latest
                THEN greatest(o.read, least(f.seq, o.turned_to))
            ELSE greatest(o.read, f.seq)
        END
    FROM (SELECT * FROM found WHERE moves AND is_kept ORDER BY nth) AS f
    CROSS JOIN (SELECT microseconds_now() + {CLOCK_MICROSECONDS} AS latest) AS n
    WHERE o.member = f.member AND o.chat = f.chat
    RETURNING f.nth, f.marker AS before, o.read, o.asked - o.turned_back AS since
), inserted AS (
    INSERT INTO own_chats AS o (member, chat, joined, read, asked, turned_back, turned_to)
    SELECT f.member, f.chat, f.joined, CASE WHEN f.back THEN least(f.seq, f.marker) ELSE f.seq END,
        f.asked, CASE WHEN f.back THEN microseconds_now() ELSE 0 END, f.seq
    FROM found f WHERE f.moves AND NOT f.is_kept ORDER BY f.nth
    ON CONFLICT (member, chat) DO NOTHING
    RETURNING o.member, o.chat, o.joined, o.read, o.asked - o.turned_back AS since
)
SELECT f.nth, NULL, NULL, f.marker, f.marker,
    CASE WHEN f.moves THEN 'new' WHEN f.is_there THEN 'unmoved' ELSE 'above' END, NULL::bigint
FROM found f WHERE NOT (f.moves AND f.is_kept)
UNION ALL SELECT u.nth, NULL, NULL, u.before, u.read, 'updated', u.since FROM updated u
UNION ALL SELECT NULL, i.chat::text, i.member::text, i.joined, i.read, 'inserted', i.since
FROM inserted i
"""  # noqa: S608 - a constant


class Move(NamedTuple):
    """Forward to `seq`, or `back` to it; `asked` in microseconds since 1970."""

    chat: str
    member: str
    seq: int
    back: bool
    asked: int


class Moved(NamedTuple):
    """The marker before and after; equal if it was not moved. `is_above`: because the chat has not
    come so far."""

    before: int
    marker: int
    is_above: bool = False
    is_close: bool = False


async def find_marker(pool: Pool, chat: str, member: str) -> int | None:
    """None for a user who does not take part."""
    rows = await fetch(
        pool,
        """
        SELECT read_marker(p, o) FROM participants p
        LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
        WHERE p.chat = %s::uuid AND p.member = %s::uuid
        """,
        (chat, member),
    )
    return rows[0][0] if rows else None


async def move_markers(pool: Pool, moves: Sequence[Move]) -> list[Moved | None]:
    """At most one per chat and member. For each, None if the user does not take part."""
    moved: list[Moved | None] = [None] * len(moves)
    left = sorted(range(len(moves)), key=lambda nth: (moves[nth].member, moves[nth].chat))
    while left:
        left = await _move_some(pool, moves, left, moved)
    return moved


async def _move_some(
    pool: Pool, moves: Sequence[Move], order: list[int], moved: list[Moved | None]
) -> list[int]:
    """Moves those with these indexes, into `moved`; returns the ones whose row another batch has
    made."""
    wanted = [moves[place] for place in order]
    rows = await fetch(
        pool,
        _MOVE,
        (
            id_array([move.chat for move in wanted]),
            id_array([move.member for move in wanted]),
            number_array([move.seq for move in wanted]),
            "{" + ",".join("t" if move.back else "f" for move in wanted) + "}",
            number_array([move.asked for move in wanted]),
        ),
    )
    new: dict[tuple[str, str], int] = {}  # indexes of moves whose rows are to be inserted
    for nth, chat, member, before, marker, what, since in rows:
        if what == "inserted":
            place = new.pop((chat, member))
            moved[place] = Moved(before, marker, is_close=since < CLOSE_MICROSECONDS)
            continue
        place = order[nth - 1]
        if what == "new":
            new[moves[place].chat, moves[place].member] = place
        elif what == "updated":
            moved[place] = Moved(before, marker, is_close=since < CLOSE_MICROSECONDS)
        else:
            moved[place] = Moved(marker, marker, is_above=what == "above")
    return list(new.values())
