"""A user's own state of chats: markers, settings, and counts, which are not stored: each is a
bounded scan of an index when it is asked for."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from chats.store.arrays import id_array, number_array, text_array
from chats.store.query import HEAD_OF_CHAT, execute, fetch
from chats.store.statement import Statement
from common.database.pool import Pool
from common.protocol.own import Notify

MAX_COUNTED: Final = 100
NEAR: Final = 128  # events; beyond so many, counted_blocks is used
BLOCKS_A_CALL: Final = 64  # under the chat's lock
# The newest message, or the chat's first event if there is none; otherwise it is far from the head.
_NEAR = f"""
FROM (
    SELECT l.seq, l.kind, l.event FROM log l WHERE l.chat = p.chat ORDER BY l.seq DESC LIMIT {NEAR}
) AS near
WHERE near.kind = 'message' OR near.seq = 1 ORDER BY near.seq DESC LIMIT 1
"""  # noqa: S608 - constants
# Messages of the reader alone in the blocks of the first events above the marker.
_ALONE = """
(
    SELECT count(*) FROM counted_blocks b
    WHERE b.chat = p.chat AND b.block BETWEEN r.marker / 128 AND r.marker / 128 + 1
        AND b.messages = coalesce(b.of_senders[array_position(b.senders, p.member)], 0)
) = 2
"""
# Most chats have nothing deleted above a marker. Mentions are compared as rows because only that
# uses the primary key: another index has everybody's.
_OWN = Statement(
    "own",
    f"""
SELECT w.nth, i.epoch::text, h.seq, r.marker, coalesce(o.notify, 'all'), o.archived,
    CASE
        WHEN (s.found = {MAX_COUNTED} OR h.seq - r.marker <= {NEAR}) AND NOT EXISTS (
            SELECT FROM changed_messages d
            WHERE d.chat = p.chat AND d.seq > r.marker AND d.is_deleted
        ) THEN s.found
        ELSE count_unread(p.chat, p.member, r.marker, h.seq)
    END,
    (
        SELECT count(*) FROM (
            SELECT FROM current_mentions k
            WHERE (k.member, k.chat, k.seq) > (p.member, p.chat, r.marker)
                AND (k.member, k.chat, k.seq) <= (p.member, p.chat, h.seq)
            LIMIT {MAX_COUNTED}
        ) AS mentions
    ),
    coalesce(o.archived >= CASE WHEN n.kind = 'message' THEN t.seq ELSE 0 END, false),
    CASE WHEN n.kind = 'message' THEN show_message(n.event, n.current, n.reactions) END,
    t.seq IS NOT NULL
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (chat, member, nth)
JOIN participants p ON p.chat = w.chat AND p.member = w.member
LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat
CROSS JOIN installation i
CROSS JOIN LATERAL (SELECT read_marker(p, o) AS marker OFFSET 0) AS r
CROSS JOIN LATERAL (
    SELECT l.seq FROM log l WHERE l.chat = p.chat ORDER BY l.seq DESC LIMIT 1
) AS h
CROSS JOIN LATERAL (
    SELECT CASE WHEN h.seq - r.marker <= {NEAR} OR NOT {_ALONE} THEN (
        SELECT count(*) FROM (
            SELECT FROM log l
            WHERE l.chat = p.chat AND l.seq > r.marker AND l.seq <= r.marker + {NEAR}
                AND l.kind = 'message' AND l.sender <> p.member LIMIT {MAX_COUNTED}
        ) AS others
    ) ELSE 0 END AS found OFFSET 0
) AS s
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT near.seq {_NEAR}), find_last_message(p.chat)) AS seq OFFSET 0
) AS t
LEFT JOIN LATERAL (
    SELECT l.kind, l.event, d.current, d.reactions
    FROM log l LEFT JOIN changed_messages d ON d.chat = l.chat AND d.seq = l.seq
    WHERE l.chat = p.chat AND l.seq = t.seq
) AS n ON true
""",  # noqa: S608 - constants
)
_STATE = """
(SELECT epoch::text FROM installation), page.head,
read_marker(page.p, s.o), coalesce((s.o).notify, 'all'), (s.o).archived
"""
# With a LIMIT PostgreSQL can only look them up by their whole key. It would plan a join as a scan
# of all the member's chats for each one on the page while it has no statistics, as of a new or
# restored database, and as a scan of everybody's settings while it believes that there are none.
_SETTINGS = """
LEFT JOIN LATERAL (
    SELECT o FROM own_chats o WHERE o.member = w.member AND o.chat = page.chat LIMIT 1
) AS s ON true
"""
LIST_BY_MAKING = Statement(
    "list_by_making",
    f"""
SELECT w.nth, page.chat::text, {_STATE}
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
    WITH ORDINALITY AS w (member, before, amount, nth)
CROSS JOIN LATERAL (
    SELECT p, p.chat, (
        SELECT l.seq FROM log l WHERE l.chat = p.chat ORDER BY l.seq DESC LIMIT 1
    ) AS head
    FROM participants p
    WHERE p.member = w.member AND p.chat < w.before ORDER BY p.chat DESC LIMIT w.amount
) AS page
{_SETTINGS}
ORDER BY w.nth, page.chat DESC
""",  # noqa: S608 - constants
)
# Most chats' last event is a message.
LIST_BY_ACTIVITY = Statement(
    "list_by_activity",
    f"""
SELECT w.nth, coalesce(newest.at, ''), page.chat::text, {_STATE}
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
    WITH ORDINALITY AS w (member, at, before, amount, nth)
CROSS JOIN LATERAL (
    SELECT timed.chat, timed.head, timed.at FROM (
        SELECT p.chat, h.seq AS head, event_at(CASE WHEN h.kind = 'message' THEN h.event
            ELSE coalesce(
                (SELECT near.event {_NEAR}),
                (SELECT l.event FROM log l
                 WHERE l.chat = p.chat AND l.seq = find_last_message(p.chat))
            )
        END) COLLATE "C" AS at
        FROM participants p LEFT JOIN LATERAL (
            SELECT l.seq, l.kind, l.event FROM log l WHERE l.chat = p.chat
            ORDER BY l.seq DESC LIMIT 1
        ) AS h ON true
        WHERE p.member = w.member OFFSET 0
    ) AS timed
    WHERE timed.at IS NULL OR (timed.at, timed.chat) < (w.at COLLATE "C", w.before)
    ORDER BY timed.at DESC NULLS FIRST, timed.chat DESC LIMIT w.amount
) AS newest
CROSS JOIN LATERAL (
    SELECT p, p.chat, newest.head FROM participants p
    WHERE p.chat = newest.chat AND p.member = w.member LIMIT 1
) AS page
{_SETTINGS}
ORDER BY w.nth, newest.at DESC NULLS FIRST, page.chat DESC
""",  # noqa: S608 - constants
)


class OwnState(NamedTuple):
    """What all else follows from: the log up to its head, in one epoch, and the user's own state.
    `archived` is the head at the time of archiving."""

    epoch: str
    head: int
    read: int
    notify: Notify
    archived: int | None


class ListWanted(NamedTuple):
    """At most `limit` chats of a member that come after a place in the list: `chat`'s id and, if
    the list is by activity, the time `at`, as JSON."""

    member: str
    at: str
    chat: str
    limit: int


class Listed(NamedTuple):
    """`at` is, if the list is by activity, the time of the chat's last message, as JSON, and empty
    if its messages must be counted first."""

    chat: str
    state: OwnState
    at: str = ""


class OwnRow(NamedTuple):
    """`last` is the newest current message, even a deleted one."""

    read: int
    unread: int
    mentions: int
    notify: Notify
    is_archived: bool
    last: bytes | None


class Counted(NamedTuple):
    """`row` is the result in `state`."""

    state: OwnState
    row: OwnRow


async def count_own(pool: Pool, wanted: list[tuple[str, str]]) -> list[Counted | None]:
    """For each (chat, member); None for a user who does not take part. All from one snapshot,
    except for chats whose logs must be counted first."""
    found: list[Counted | None] = [None] * len(wanted)
    left = list(range(len(wanted)))
    while left:
        chats, members = zip(*(wanted[nth] for nth in left), strict=True)
        rows = await _OWN.fetch(pool, (id_array(chats), id_array(members)))
        uncounted = []
        for nth, epoch, head, read, notify, archived, unread, *row, is_last_known in rows:
            place = left[nth - 1]
            if is_last_known and unread is not None:
                mentions, is_archived, last = row
                found[place] = Counted(
                    OwnState(epoch, head, read, notify, archived),
                    OwnRow(read, unread, mentions, notify, is_archived, last),
                )
            else:
                uncounted.append(place)
        await count_blocks(pool, {wanted[place][0] for place in uncounted})
        left = uncounted
    return found


async def list_chats_by_making(pool: Pool, wanted: Sequence[ListWanted]) -> list[list[Listed]]:
    """For each one wanted the newest chats first."""
    ids, _, *rest = _list_arrays(wanted)
    found: list[list[Listed]] = [[] for _ in wanted]
    for nth, chat, *state in await LIST_BY_MAKING.fetch(pool, (ids, *rest)):
        found[nth - 1].append(Listed(chat, OwnState._make(state)))
    return found


async def list_chats_by_activity(pool: Pool, wanted: Sequence[ListWanted]) -> list[list[Listed]]:
    """For each one wanted the chats with the newest last message first; a chat without one by its
    creation."""
    found: list[list[Listed]] = [[] for _ in wanted]
    for nth, at, chat, *state in await LIST_BY_ACTIVITY.fetch(pool, _list_arrays(wanted)):
        found[nth - 1].append(Listed(chat, OwnState._make(state), at))
    return found


def _list_arrays(wanted: Sequence[ListWanted]) -> tuple[str, str, str, str]:
    members, times, chats, limits = zip(*wanted, strict=True)
    return id_array(members), text_array(times), id_array(chats), number_array(limits)


async def count_blocks(pool: Pool, chats: Iterable[str]) -> None:
    """Counts the blocks of these chats that are not counted yet, some at a time: finished counts
    stay, even if the caller gives up."""
    for chat in chats:
        more = True
        while more:
            [[more]] = await fetch(
                pool, "SELECT count_blocks(%s::uuid, %s::bigint)", (chat, BLOCKS_A_CALL)
            )


async def forget_own(pool: Pool, member: str) -> None:
    """Deletes all of this user's own state."""
    await execute(pool, "DELETE FROM own_chats WHERE member = %s::uuid", (member,))


async def set_own(
    pool: Pool, chat: str, member: str, notify: str | None, archived: bool | None
) -> bool:
    """None fields stay. False for a user who does not take part."""
    changed = await execute(
        pool,
        f"""
        INSERT INTO own_chats AS o (member, chat, notify, archived)
        SELECT p.member, c.id, coalesce(%(notify)s::text, 'all'),
            CASE WHEN %(archived)s::boolean THEN {HEAD_OF_CHAT} END
        FROM participants p JOIN chats c ON c.id = p.chat
        WHERE p.chat = %(chat)s::uuid AND p.member = %(member)s::uuid
        ON CONFLICT (member, chat) DO UPDATE SET
            notify = coalesce(%(notify)s::text, o.notify),
            archived = CASE
                WHEN %(archived)s::boolean IS NULL THEN o.archived ELSE excluded.archived
            END
        """,  # noqa: S608 - constants
        {"chat": chat, "member": member, "notify": notify, "archived": archived},
    )
    return changed > 0
