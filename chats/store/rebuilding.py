"""Data derived from the log, read and written chat by chat."""

from typing import NamedTuple

from chats.store.arrays import number_array
from chats.store.query import fetch
from common.database.failures import wanting_tables
from common.database.pool import Connection, Pool

_CHANGES = (
    "SELECT seq, event FROM log WHERE chat = %s::uuid"
    " AND kind IN ('message.edited', 'message.deleted', 'reaction.added', 'reaction.removed',"
    " 'links.previewed')"
    " ORDER BY seq"
)
_MESSAGES = (
    "SELECT seq, event FROM log WHERE chat = %s::uuid AND kind = 'message'"
    " AND seq = ANY (%s::bigint[])"
)


class ChangedMessage(NamedTuple):
    """A row of `changed_messages` without its chat, and (emoji, user) of its unnamed reactions."""

    seq: int
    edits: list[int]
    previewed: list[int]
    current: bytes | None
    reactions: str | None
    is_deleted: bool
    unnamed: list[tuple[str, str]]


async def list_chats_above(pool: Pool, chat: str, limit: int) -> list[str]:
    """The next ids in order. Raises NoTables."""
    query = "SELECT id::text FROM chats WHERE id > %s::uuid ORDER BY id LIMIT %s::bigint"
    with wanting_tables():
        return [found for (found,) in await fetch(pool, query, (chat, limit))]


async def hold_chat(connection: Connection, chat: str) -> None:
    """Nothing is appended to it until the transaction ends, however long that takes."""
    for timeout in ("lock_timeout", "statement_timeout", "transaction_timeout"):
        await connection.execute(f"SET LOCAL {timeout} = 0".encode())
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
    await connection.execute("SELECT FROM chats WHERE id = %s FOR NO KEY UPDATE", (chat,))


async def read_changes(connection: Connection, chat: str) -> list[tuple[int, bytes]]:
    """(seq, event) of all events that change messages, ascending."""
    rows = await (await connection.execute(_CHANGES, (chat,), binary=True)).fetchall()
    return [(seq, event) for seq, event in rows]


async def read_messages(connection: Connection, chat: str, seqs: list[int]) -> dict[int, bytes]:
    """The events of these messages, by seq."""
    parameters = (chat, number_array(seqs))
    rows = await (await connection.execute(_MESSAGES, parameters, binary=True)).fetchall()
    return {seq: event for seq, event in rows}


async def replace_changed_messages(
    connection: Connection, chat: str, messages: list[ChangedMessage]
) -> None:
    """Replaces whatever was derived for the chat before."""
    await connection.execute("DELETE FROM changed_messages WHERE chat = %s", (chat,))
    await connection.execute("DELETE FROM unnamed_reactions WHERE chat = %s", (chat,))
    await connection.execute("DELETE FROM counted_blocks WHERE chat = %s", (chat,))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO changed_messages"
            " (chat, seq, edits, previewed, current, reactions, is_deleted)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [(chat, *message[:6]) for message in messages],
        )
        await cursor.executemany(
            "INSERT INTO unnamed_reactions (chat, seq, emoji, member) VALUES (%s, %s, %s, %s)",
            [(chat, m.seq, emoji, user) for m in messages for emoji, user in m.unnamed],
        )
