"""The index of words: what is not in it yet, and what is put into it."""

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import Final, NamedTuple

from chats.search.blocks import BLOCK_MESSAGES, Block, Entry, Open, make_blocks
from chats.search.feeding import Changes, UnfedRow, changes_of
from chats.store.arrays import id_array, number_array
from chats.store.query import HEAD_OF_CHAT, fetch
from common.database.failures import wanting_tables
from common.database.pool import Connection, Pool, begin

MAX_OCTETS: Final = 262_144  # of events at a time
# For making the words of a transaction, which is idle meanwhile: PostgreSQL allows it a second.
MAX_SECONDS: Final = 0.25
_TAKE = (
    "SELECT chat::text, messages, octets, seqs, events FROM search_take_unfed(%s::uuid[], %s, %s)"
)
_ADD_BLOCKS = (
    "SELECT search_add_blocks(%s::uuid[], %s::bool[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s::text, %s::text, %s::text)"
)
_ADD_ENTRIES = (
    "INSERT INTO search_open (chat, seq, head, line, extra)"
    " SELECT * FROM unnest(%s::uuid[], %s::bigint[], string_to_array(%s::text, E'\\n'),"
    " string_to_array(%s::text, E'\\n'), string_to_array(%s::text, E'\\n'))"
)
_UNHURRIED = ("statement_timeout = 0", "transaction_timeout = 0", "lock_timeout = 0")
_BEHIND = f"""
SELECT c.id::text, coalesce(p.upto, 0) < c.head FROM (
    SELECT c.id, {HEAD_OF_CHAT} AS head
    FROM (SELECT id FROM chats WHERE id > %s::uuid ORDER BY id LIMIT %s) AS c
) AS c LEFT JOIN search_progress p ON p.chat = c.id ORDER BY c.id
"""  # noqa: S608 - constants


class Fed(NamedTuple):
    """`done` are chats that are fully in the index now, `more` those of which something is left;
    another replica is feeding the others."""

    done: set[str]
    more: list[str]
    changes: int


class _Unfed(NamedTuple):
    """Rows of logs, and what their chats have in rows of single messages."""

    rows: list[UnfedRow]
    found: dict[str, Open]
    complete: set[str]
    cut: set[str]


async def feed(pool: Pool, chats: list[str], rows: int, forget_rows: int) -> Fed:
    """Puts at most so many rows of the chats' logs into the index, about `MAX_OCTETS`, and what
    becomes words within `MAX_SECONDS`, in one transaction. Of a deleted chat it removes at most so
    many blocks at a time."""
    async with begin(pool) as connection:
        unfed = await _take(connection, chats, rows)
        in_time = _until(monotonic() + MAX_SECONDS, unfed.rows)
        # In a thread: the words of a long text in rare scripts take 10 ms.
        changes = await asyncio.to_thread(changes_of, in_time)
        unfinished = await _write(connection, changes, unfed.found, forget_rows)
    late = {row.chat for row in unfed.rows if row.seq > changes.upto.get(row.chat, 0)}
    left = unfed.cut | late | unfinished
    entries = sum(map(len, changes.entries.values()))
    return Fed(unfed.complete - left, sorted(left), entries + len(changes.lines))


def _until(end: float, rows: list[UnfedRow]) -> Iterator[UnfedRow]:
    """The rows that are asked for before `end`, at least one."""
    for number, row in enumerate(rows):
        if number and monotonic() >= end:
            return
        yield row


async def _take(connection: Connection, chats: list[str], limit: int) -> _Unfed:
    rows: list[UnfedRow] = []
    found: dict[str, Open] = {}
    held: set[str] = set()
    answer = await connection.execute(_TAKE, (id_array(chats), limit, MAX_OCTETS), binary=True)
    for chat, messages, octets, seqs, events in await answer.fetchall():
        held.add(chat)
        if seqs is not None:
            found[chat] = Open(messages, int(octets or 0))
            rows += [UnfedRow(chat, *row) for row in zip(seqs, events, strict=True)]
    is_cut = len(rows) == limit or sum(len(r.event or b"") for r in rows) >= MAX_OCTETS
    last = max(found) if is_cut else None
    complete = held if last is None else {chat for chat in held if chat < last}
    return _Unfed(rows, found, complete, held - complete)


async def _write(
    connection: Connection, changes: Changes, found: dict[str, Open], forget_rows: int
) -> set[str]:
    """Returns deleted chats of which more is left; their end stays unfed."""
    await _add(connection, changes.entries, found)
    if changes.lines:
        chats, seqs, lines, extras, keeps = map(list, zip(*changes.lines, strict=True))
        await connection.execute(
            "SELECT search_change(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::bool[])",
            (id_array(chats), number_array(seqs), lines, extras, keeps),
        )
    unfinished = {chat for chat in changes.ended if await _forget(connection, chat, forget_rows)}
    upto = {chat: seq - (chat in unfinished) for chat, seq in changes.upto.items()}
    if upto:
        await connection.execute(
            "UPDATE search_progress p SET upto = u.upto"
            " FROM unnest(%s::uuid[], %s::bigint[]) AS u (chat, upto) WHERE p.chat = u.chat",
            (id_array(upto), number_array(upto.values())),
        )
    return unfinished


async def _add(
    connection: Connection, by_chat: dict[str, list[Entry]], found: dict[str, Open]
) -> None:
    blocks: list[Block] = []
    single: list[Entry] = []
    for chat, entries in by_chat.items():
        made = make_blocks(found[chat], entries)
        if made is None:
            single += entries
        else:
            blocks += made
    if blocks:
        await connection.execute(
            _ADD_BLOCKS,
            (
                id_array(block.chat for block in blocks),
                number_array(block.takes_open for block in blocks),
                number_array(block.first for block in blocks),
                number_array(block.last for block in blocks),
                number_array(block.first_ms for block in blocks),
                number_array(block.last_ms for block in blocks),
                "\f".join(block.lines for block in blocks),
                "\f".join(block.heads for block in blocks),
                "\f".join(block.extra for block in blocks),
            ),
        )
    if single:
        await connection.execute(
            _ADD_ENTRIES,
            (
                id_array(entry.chat for entry in single),
                number_array(entry.seq for entry in single),
                "\n".join(entry.head for entry in single),
                "\n".join(entry.line for entry in single),
                "\n".join(entry.extra for entry in single),
            ),
        )
        chats = dict.fromkeys(entry.chat for entry in single)
        if full := [c for c in chats if found[c].messages + len(by_chat[c]) >= BLOCK_MESSAGES]:
            await connection.execute("SELECT search_seal(%s::uuid[])", (id_array(full),))


async def _forget(connection: Connection, chat: str, rows: int) -> bool:
    found = await connection.execute("SELECT search_forget(%s::uuid, %s)", (chat, rows))
    row = await found.fetchone()
    return row is not None and bool(row[0])


async def list_chats_behind(pool: Pool, after: str, limit: int) -> tuple[list[str], str | None]:
    """Of the next `limit` chats by id those with rows that are not in the index, and the id after
    which to continue, or None at the end."""
    rows = await fetch(pool, _BEHIND, (after, limit))
    behind = [chat for chat, is_behind in rows if is_behind]
    return behind, rows[-1][0] if len(rows) == limit else None


async def has_index_of_words(pool: Pool) -> bool:
    """False while the index is rebuilt, and after a rebuild was interrupted."""
    rows = await fetch(pool, "SELECT to_regclass('search_blocks_terms') IS NOT NULL")
    return bool(rows[0][0])


async def empty_index(pool: Pool) -> None:
    """Everything is fed again from the log. Meanwhile there is no index of words: without it
    feeding takes a fraction of the time. Every chat gets its progress row here, so that no feeder
    waits for another that inserts it. Raises NoTables."""
    async with begin(pool) as connection:
        for setting in _UNHURRIED:
            await connection.execute(f"SET LOCAL {setting}")
        with wanting_tables():
            await connection.execute("TRUNCATE search_progress, search_open, search_blocks")
        await connection.execute("DROP INDEX IF EXISTS search_blocks_terms")
        await connection.execute("INSERT INTO search_progress (chat, upto) SELECT id, 0 FROM chats")


async def index_words(pool: Pool) -> None:
    """Creates the index of words as migration 0027 does. Feeding waits for it."""
    async with begin(pool) as connection:
        for setting in (*_UNHURRIED, "maintenance_work_mem = '512MB'"):
            await connection.execute(f"SET LOCAL {setting}")
        await connection.execute(
            "CREATE INDEX IF NOT EXISTS search_blocks_terms ON search_blocks"
            " USING gin (search_terms(lines, extra)) WITH (gin_pending_list_limit = 1024)"
        )
