"""The index of words: what is not in it yet, and what is put into it."""

from typing import NamedTuple

from chats.search.feeding import Changes, UnfedRow, changes_of
from chats.store.arrays import id_array, number_array
from common.database.pool import Connection, Pool, begin

_UNFED = "SELECT chat::text, seq, event FROM search_unfed(%s::uuid[], %s)"
_BEHIND = """
SELECT c.id::text, coalesce(p.upto, 0) < c.head FROM (
    SELECT c.id, (SELECT l.seq FROM log l WHERE l.chat = c.id ORDER BY l.seq DESC LIMIT 1) AS head
    FROM (SELECT id FROM chats WHERE id > %s::uuid ORDER BY id LIMIT %s) AS c
) AS c LEFT JOIN search_progress p ON p.chat = c.id ORDER BY c.id
"""


class Fed(NamedTuple):
    """`done` are chats of which everything is in the index now, `more` those of which something is
    left; others are just being fed by somebody else."""

    done: set[str]
    more: list[str]
    changes: int


async def feed(pool: Pool, chats: list[str], rows: int, forget_rows: int) -> Fed:
    """Puts at most so many rows of each chat's log into the index, in one transaction. Of a deleted
    chat at most so many blocks go at a time."""
    async with begin(pool) as connection:
        unfed = await _read_unfed(connection, chats, rows)
        changes = changes_of(row for found in unfed.values() for row in found)
        more = await _write(connection, changes, forget_rows)
    more += [chat for chat, found in unfed.items() if len(found) == rows]
    return Fed(unfed.keys() - set(more), more, len(changes.entries) + len(changes.lines))


async def _read_unfed(
    connection: Connection, chats: list[str], rows: int
) -> dict[str, list[UnfedRow]]:
    found: dict[str, list[UnfedRow]] = {}
    answer = await connection.execute(_UNFED, (id_array(chats), rows), binary=True)
    for chat, seq, event in await answer.fetchall():
        rows_of_chat = found.setdefault(chat, [])
        if seq is not None:
            rows_of_chat.append(UnfedRow(chat, seq, event))
    return found


async def _write(connection: Connection, changes: Changes, forget_rows: int) -> list[str]:
    """Returns deleted chats of which more is left; their end stays unfed."""
    if changes.entries:
        chats, seqs, heads, lines, extras = map(list, zip(*changes.entries, strict=True))
        await connection.execute(
            "INSERT INTO search_open (chat, seq, head, line, extra)"
            " SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[])",
            (id_array(chats), number_array(seqs), heads, lines, extras),
        )
        await connection.execute(
            "SELECT search_seal(%s::uuid[])", (id_array(dict.fromkeys(chats)),)
        )
    if changes.lines:
        chats, seqs, lines, extras, keeps = map(list, zip(*changes.lines, strict=True))
        await connection.execute(
            "SELECT search_change(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::bool[])",
            (id_array(chats), number_array(seqs), lines, extras, keeps),
        )
    unfinished = [chat for chat in changes.ended if await _forget(connection, chat, forget_rows)]
    upto = {chat: seq - (chat in unfinished) for chat, seq in changes.upto.items()}
    await connection.execute(
        "UPDATE search_progress p SET upto = u.upto"
        " FROM unnest(%s::uuid[], %s::bigint[]) AS u (chat, upto) WHERE p.chat = u.chat",
        (id_array(upto), number_array(upto.values())),
    )
    return unfinished


async def _forget(connection: Connection, chat: str, rows: int) -> bool:
    found = await connection.execute("SELECT search_forget(%s::uuid, %s)", (chat, rows))
    row = await found.fetchone()
    return row is not None and bool(row[0])


async def list_chats_behind(pool: Pool, after: str, limit: int) -> tuple[list[str], str | None]:
    """Of the next `limit` chats by id those with rows that are not in the index, and the id after
    which to go on, or None at the end."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(_BEHIND, (after, limit))).fetchall()
    behind = [chat for chat, is_behind in rows if is_behind]
    return behind, rows[-1][0] if len(rows) == limit else None


async def empty_index(pool: Pool) -> None:
    """Everything is fed again from the log."""
    async with pool.connection() as connection:
        await connection.execute("TRUNCATE search_progress, search_open, search_blocks")
