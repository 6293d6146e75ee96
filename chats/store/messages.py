"""Batches of messages: one call of `post_messages` each."""

from typing import NamedTuple

import psycopg

from chats.store.arrays import bytes_array, id_array
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool

_POST = (
    "SELECT item, at, seq, stored"
    " FROM post_messages(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[])"
)


class NewMessage(NamedTuple):
    """All three are ids that were checked; the draft is encoding's."""

    chat: str
    sender: str
    key: str
    draft: bytes


class Posted(NamedTuple):
    """What became of one message: new, with seq and at, or a repeat, with the stored event."""

    at: str
    seq: int
    stored: bytes | None


class BatchRefused(Exception):
    """The database refused the batch for its content; nothing of it is stored."""


class BatchFailed(Exception):
    """PostgreSQL is gone, busy or full. Whether the batch was committed is not known; the same
    batch may be posted again."""


async def post_messages(
    pool: Pool, batch: list[NewMessage]
) -> tuple[list[Posted | None], dict[str, int]]:
    """In the batch's order, None where the sender does not take part or there is no such chat; and
    for each chat with new messages, which have consecutive seqs, the outbox's row.

    No two messages of a batch share chat, sender and key. A batch whose answer was lost may be
    posted again: what was committed comes back as repeats. Raises BatchRefused or BatchFailed.
    """
    parameters = (
        id_array([m.chat for m in batch]),
        id_array([m.sender for m in batch]),
        id_array([m.key for m in batch]),
        bytes_array([m.draft for m in batch]),
    )

    try:
        async with pool.connection() as connection:
            rows = await (await connection.execute(_POST, parameters, binary=True)).fetchall()
    except psycopg.Error as error:
        failure = BatchFailed if isinstance(error, DatabaseUnavailable) else BatchRefused
        raise failure(type(error).__name__) from error
    results: list[Posted | None] = [None] * len(batch)
    owed: dict[str, int] = {}
    for item, at, seq, stored in rows:
        if item is None:
            owed[at] = seq or 0
        else:
            results[item - 1] = Posted(at, seq or 0, stored)
    return results, owed
