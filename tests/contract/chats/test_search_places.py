"""Which blocks a search reads: the newest ones first, then those that the index of words finds."""

import random
from collections.abc import Callable

import psycopg
import pytest

from chats.log.encoding import draft_event, stamp
from chats.search.feeding import UnfedRow, changes_of
from chats.search.query import parse_query
from chats.store.query import PLAN_OPTIONS, fetch
from chats.store.search import NEWEST, Cursor, PageSought, find_messages
from chats.store.search_feed import feed
from common.database.pool import Pool, create_pool
from common.protocol.events import Message
from common.protocol.ids import new_id

BLOCKS = 1_300
LIMIT = 7
SEED = 5
FOUND_IN = {1, 2, 3, 40, 270, 275, 276, 277, 600, 1_190, 1_200}
ADD = (
    "SELECT search_add_blocks(%s::uuid[], %s::bool[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s, %s, %s)"
)


async def test_older_blocks_are_read_where_the_newest_are_not_enough(database_url: str) -> None:
    """More of them have all words of a phrase than are filtered first, and few contain the phrase.
    Full pages return every message once, newest first, even if many have the same time; none is
    from a chat that the reader is not in."""
    ann, ben = new_id(), new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        wanted = sorted(_fill(connection, ann, [ann, ben]), reverse=True)
        _fill(connection, ann, [ann])
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        assert await _find(pool, ben, LIMIT) == wanted


@pytest.mark.parametrize("limit", [1, 2, LIMIT])
async def test_times_of_a_chat_may_go_back(database_url: str, limit: int) -> None:
    """The clock of the server was set back: still each message is found once, newest first."""
    ann, chance = new_id(), random.Random(SEED)
    found: list[tuple[int, str]] = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        for _ in range(3):
            seconds = chance.sample(range(60), 12)
            second_of = dict(enumerate(seconds, 1)).__getitem__
            found += _fill(connection, ann, [ann], 12, bool, second_of)
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        assert await _find(pool, ann, limit) == sorted(found, reverse=True)


async def test_the_index_of_words_is_not_asked_about_few_blocks(database_url: str) -> None:
    """It has the words of all chats, so that a search by a user who has little to search would cost
    as much as the instance is large."""
    ann, ben = new_id(), new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        few = _fill(connection, ben, [ben], 1)
        _fill(connection, ann, [ann])
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        before = await _count_index_scans(pool)
        assert await _find(pool, ben, LIMIT) == few
        assert await _count_index_scans(pool) == before
        await _find(pool, ann, LIMIT)
        assert await _count_index_scans(pool) > before


async def test_a_search_in_a_small_instance_reads_little_of_it(database_url: str) -> None:
    """Also before PostgreSQL has statistics: of each chat two blocks and those that have the words,
    and of the log hardly more than what is found."""
    ann = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = [_fill(connection, ann, [ann], 40, lambda seq: seq == 7) for _ in range(4)]
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        before = await _count_rows_read(pool)
        page = await _find_page(pool, ann, NEWEST, LIMIT)
        after = await _count_rows_read(pool)
    assert sorted(page) == sorted(message for [message] in found)
    assert after["search_blocks"] - before["search_blocks"] == 2 * 4 + 4
    assert after["log"] - before["log"] <= 3 * 4


async def test_a_page_of_open_lines_has_no_gaps_of_deleted_messages(database_url: str) -> None:
    """The log has deletions that the index has not been told of yet."""
    ann = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat, rows = _fill_log(connection, ann, [ann], 9, bool, lambda seq: seq)
        async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
            await feed(pool, [chat], len(rows), forget_rows=1)
            connection.execute(
                "UPDATE log SET event = overlay(event PLACING %s FROM octet_length(event))"
                " WHERE chat = %s AND seq = ANY (%s)",
                (b',"deleted":true}', chat, [3, 5, 6, 7, 8, 9]),
            )
            places = await _find(pool, ann, 3)
    assert places == [_place_of(rows[seq - 1]) for seq in (4, 2, 1)]


async def _count_rows_read(pool: Pool) -> dict[str, int]:
    """By table, by whatever way."""
    await fetch(pool, "SELECT pg_stat_force_next_flush()")
    counts = await fetch(
        pool,
        "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"
        " WHERE relname IN ('log', 'search_blocks')",
    )
    return dict(counts)


async def _count_index_scans(pool: Pool) -> int:
    await fetch(pool, "SELECT pg_stat_force_next_flush()")
    [(scans,)] = await fetch(
        pool,
        "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'search_blocks_terms'",
    )
    return int(scans)


async def _find(pool: Pool, reader: str, limit: int) -> list[tuple[int, str]]:
    """Time and id of the messages of all pages."""
    found = [NEWEST]
    page = found[:0]
    while page or len(found) == 1:
        page = await _find_page(pool, reader, found[-1], limit)
        found += page
    return [(cursor.ms, cursor.message) for cursor in found[1:]]


async def _find_page(pool: Pool, reader: str, before: Cursor, limit: int) -> list[Cursor]:
    query = parse_query('"alpha beta"')
    assert query is not None
    page = await find_messages(pool, PageSought(reader, None, None, query, before, limit))
    return [hit.place for hit in page.hits]


def _fill(
    connection: psycopg.Connection,
    owner: str,
    members: list[str],
    blocks: int = BLOCKS,
    has_phrase: Callable[[int], bool] = FOUND_IN.__contains__,
    second_of: Callable[[int], int] = lambda seq: seq // 400,
) -> list[tuple[int, str]]:
    """Fills a chat with blocks of one message each; returns time and id of those with the
    phrase."""
    chat, rows = _fill_log(connection, owner, members, blocks, has_phrase, second_of)
    entries = changes_of(rows).entries[chat]
    seqs, times = [e.seq for e in entries], [e.ms for e in entries]
    connection.execute(
        ADD,
        (
            [chat] * blocks, [False] * blocks, seqs, seqs, times, times,
            "\f".join(e.line for e in entries), "\f".join(e.head for e in entries),
            "\f".join(e.extra for e in entries),
        ),
    )  # fmt: skip
    return [_place_of(row) for row in rows if has_phrase(row.seq)]


def _place_of(row: UnfedRow) -> tuple[int, str]:
    """Time and id of a message."""
    [[entry]] = changes_of([row]).entries.values()
    return entry.ms, entry.head.split()[2]


def _fill_log(
    connection: psycopg.Connection,
    owner: str,
    members: list[str],
    messages: int,
    has_phrase: Callable[[int], bool],
    second_of: Callable[[int], int] = lambda seq: seq // 400,
) -> tuple[str, list[UnfedRow]]:
    """A new chat and its messages."""
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
        for seq in range(1, messages + 1):
            text = "alpha beta" if has_phrase(seq) else "beta alpha"
            key = new_id()
            message = Message(
                chat=chat, by=owner, message_id=new_id(), message=text, client_id=key, seq=0, at="",
            )  # fmt: skip
            event = stamp(
                draft_event(message), seq, f"2026-01-01T00:00:{second_of(seq):02}.000000Z"
            )
            copied.write_row((chat, seq, "message", owner, key, event))
            rows.append(UnfedRow(chat, seq, event))
    return chat, rows
