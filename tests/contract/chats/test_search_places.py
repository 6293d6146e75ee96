"""More blocks have all words of a phrase than are filtered first, and few contain the phrase."""

import psycopg

from chats.log.encoding import draft_event, stamp
from chats.search.feeding import UnfedRow, changes_of
from chats.search.query import parse_query
from chats.store.query import PLAN_OPTIONS
from chats.store.schema import set_up_database
from chats.store.search import NEWEST, find_messages
from common.database.pool import create_pool
from common.protocol.events import Message
from common.protocol.ids import new_id

BLOCKS = 1_300
LIMIT = 7
FOUND_IN = {1, 2, 3, 40, 270, 275, 276, 277, 600, 1_190, 1_200}
ADD = (
    "SELECT search_add_blocks(%s::uuid[], %s::bool[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s, %s, %s)"
)


async def test_older_blocks_are_read_where_the_newest_are_not_enough(database_url: str) -> None:
    """Full pages return every message once, newest first, even if many have the same time; none is
    from a chat that the reader is not in."""
    await set_up_database(database_url)
    ann, ben = new_id(), new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        wanted = sorted((_fill(connection, ann, [ann, ben])), reverse=True)
        _fill(connection, ann, [ann])
    query = parse_query('"alpha beta"')
    assert query is not None
    found = [NEWEST]
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        while len(found) % LIMIT == 1:
            page = await find_messages(pool, ben, None, None, query, found[-1], LIMIT)
            found += [cursor for cursor, _ in page]
    assert [(cursor.ms, cursor.message) for cursor in found[1:]] == wanted


def _fill(connection: psycopg.Connection, owner: str, members: list[str]) -> list[tuple[int, str]]:
    """Fills a chat with blocks of one message each; returns time and id of those with the
    phrase."""
    chat = new_id()
    connection.execute("INSERT INTO chats (id, name, owner) VALUES (%s, 'c', %s)", (chat, owner))
    for position, member in enumerate(members):
        connection.execute(
            "INSERT INTO participants (chat, member, position) VALUES (%s, %s, %s)",
            (chat, member, position),
        )
    rows = []
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY log (chat, seq, kind, sender, key, event) FROM STDIN") as copied,
    ):
        for seq in range(1, BLOCKS + 1):
            text = "alpha beta" if seq in FOUND_IN else "beta alpha"
            key = new_id()
            message = Message(
                chat=chat, by=owner, message_id=new_id(), message=text, client_id=key, seq=0, at="",
            )  # fmt: skip
            event = stamp(draft_event(message), seq, f"2026-01-01T00:00:0{seq // 400}.000000Z")
            copied.write_row((chat, seq, "message", owner, key, event))
            rows.append(UnfedRow(chat, seq, event))
    entries = changes_of(rows).entries[chat]
    seqs, times = [e.seq for e in entries], [e.ms for e in entries]
    connection.execute(
        ADD,
        (
            [chat] * BLOCKS, [False] * BLOCKS, seqs, seqs, times, times,
            "\f".join(e.line for e in entries), "\f".join(e.head for e in entries),
            "\f".join(e.extra for e in entries),
        ),
    )  # fmt: skip
    return [(e.ms, e.head.split()[2]) for e in entries if e.seq in FOUND_IN]
