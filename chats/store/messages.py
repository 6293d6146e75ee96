"""Batches of events that belong to messages: one call of `append_events` each."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple, cast

import msgspec
import psycopg
from psycopg.pq import Format

from chats.store.arrays import bytes_array, id_array
from chats.store.query import fetch
from chats.store.statement import Statement
from common.database.failures import DatabaseBusy, DatabaseUnavailable
from common.database.pool import Pool
from common.protocol.events import LinkPreview

_TEXT = Format.TEXT
_APPEND = Statement(
    "append_events",
    "SELECT item, outcome, seq, at, event, chat::text, outbox"
    " FROM append_events($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::uuid[], $6::jsonb)",
    formats=(_TEXT, _TEXT, _TEXT, Format.BINARY, _TEXT, _TEXT),
)
_HELD_ROW = re.compile(r"(\(\d+,\d+\))[^\n]*\bchats\b")
_encode = msgspec.json.Encoder().encode


class NewMessage(NamedTuple):
    """A plain message. Chat, sender and key are valid ids; the draft is encoding's."""

    chat: str
    sender: str
    key: str
    draft: bytes


class OtherEvent(msgspec.Struct, omit_defaults=True):
    """The fields are described at the type `other_event` of migrations; ids are valid."""

    kind: str
    chat: str
    sender: str
    draft: str
    key: str | None = None
    scope: str | None = None
    message: str | None = None
    text: str | None = None
    mentions: list[str] | None = None
    emoji: str | None = None
    former: bool = False
    attachments: list[str] | None = None
    previews: list[LinkPreview] | None = None
    text_seq: int | None = None
    item: int = 0


NewEvent = NewMessage | OtherEvent


class Outcome(NamedTuple):
    """The result for an event: `appended` with seq and at, `known`, or the reason why not.

    `event` is what is stored, if that is not the draft with its stamp.
    """

    what: str
    seq: int = 0
    at: str = ""
    event: bytes | None = None


NOT_FOUND = Outcome("not_found")


class BatchRefused(Exception):
    """The database refused the batch because of its content; nothing of it is stored."""


class BatchFailed(Exception):
    """PostgreSQL is down, busy or full. Whether the batch was committed is not known; the same
    batch may be appended again."""


class BatchHeld(BatchFailed):
    """Another transaction has held the lock of a chat for longer than PostgreSQL lets this one wait
    for it; nothing of the batch is stored."""

    def __init__(self, chat: str) -> None:
        super().__init__(f"chat {chat} is held")
        self.chat = chat


async def append_events(
    pool: Pool, batch: Sequence[NewEvent]
) -> tuple[list[Outcome], dict[str, int]]:
    """Results in the batch's order; and for each chat with new events, which have consecutive seqs
    in that order, the outbox's row.

    No two plain messages of a batch share chat, sender and key. A batch whose answer was lost may
    be appended again: what was committed comes back as known. Raises BatchRefused or BatchFailed,
    of which BatchHeld names the chat that was waited for.
    """
    messages, others, places = _separate(batch)
    parameters = (
        id_array([m.chat for m in messages]),
        id_array([m.sender for m in messages]),
        id_array([m.key for m in messages]),
        bytes_array([m.draft for m in messages]),
        id_array(dict.fromkeys(other.chat for other in others)),
        _encode(others) if others else None,
    )
    try:
        rows = await _APPEND.fetch(pool, parameters)
    except psycopg.Error as error:
        held = await _find_held(pool, error) if isinstance(error, DatabaseBusy) else None
        if held in {event.chat for event in batch}:  # else the place is another chat's by now
            raise BatchHeld(held) from error
        failure = BatchFailed if isinstance(error, DatabaseUnavailable) else BatchRefused
        raise failure(type(error).__name__) from error
    outcomes = [NOT_FOUND] * len(batch)
    outbox: dict[str, int] = {}
    for item, what, seq, at, event, chat, row in rows:
        if item is None:
            outbox[chat] = row
        else:
            outcomes[places[item - 1]] = Outcome(what, seq or 0, at or "", event)
    return outcomes, outbox


async def _find_held(pool: Pool, error: DatabaseBusy) -> str | None:
    """PostgreSQL tells, in its own language, the position of the row that it waited for: `while
    locking tuple (0,21) in relation "chats"`. None if it was not a chat, or is gone."""
    cause = error.__cause__
    context = cause.diag.context if isinstance(cause, psycopg.errors.LockNotAvailable) else None
    place = _HELD_ROW.search(context or "")
    if place is None:
        return None
    try:
        rows = await fetch(pool, "SELECT id::text FROM chats WHERE ctid = %s::tid", (place[1],))
    except DatabaseUnavailable:
        return None
    return rows[0][0] if rows else None


async def list_free_chats(pool: Pool, chats: Collection[str]) -> set[str]:
    """Those that nobody has locked."""
    rows = await fetch(
        pool,
        """
        WITH free AS MATERIALIZED (
            SELECT id FROM chats WHERE id = ANY (%s::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
        )
        SELECT w.id::text FROM unnest(%s::uuid[]) AS w (id)
        WHERE w.id IN (SELECT id FROM free) OR NOT EXISTS (SELECT FROM chats c WHERE c.id = w.id)
        """,
        (id_array(chats), id_array(chats)),
    )
    return {chat for (chat,) in rows}


def _separate(
    batch: Sequence[NewEvent],
) -> tuple[list[NewMessage], list[OtherEvent], Sequence[int]]:
    """The plain messages of a batch; all events of chats that have any other event, chat by chat;
    and the indexes in the batch, of the first and then of the second."""
    mixed = {event.chat for event in batch if isinstance(event, OtherEvent)}
    if not mixed:
        return cast("list[NewMessage]", batch), [], range(len(batch))
    messages: list[NewMessage] = []
    others: list[OtherEvent] = []
    places: tuple[list[int], list[int]] = [], []
    for place, event in enumerate(batch):
        if isinstance(event, NewMessage) and event.chat not in mixed:
            messages.append(event)
            places[0].append(place)
        else:
            others.append(_as_other(event))
            places[1].append(place)
    by_chat = sorted(range(len(others)), key=lambda number: others[number].chat)
    others = [others[number] for number in by_chat]
    for item, other in enumerate(others, len(messages) + 1):
        other.item = item
    return messages, others, places[0] + [places[1][number] for number in by_chat]


def _as_other(event: NewEvent) -> OtherEvent:
    if isinstance(event, OtherEvent):
        return event
    chat, sender, key, draft = event
    return OtherEvent("message", chat, sender, draft.decode(), key)
