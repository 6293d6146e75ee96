"""The text of a notification: a message as it is now, cut. Fetched at the moment of sending, so
that nobody is notified of a message that was read, edited or deleted before."""

import msgspec

from chats.store.push import Told, add_push_reader, read_messages_to_push
from common.database.pool import Pool
from common.protocol.chats import Done
from common.protocol.push import (
    MAX_PUSHED_CHARACTERS,
    AddPushReader,
    DescribePushes,
    PushNote,
    PushNotes,
)


class _Attachment(msgspec.Struct):
    name: str


class _Message(msgspec.Struct, rename="camel"):
    message_id: str
    at: str
    message: str
    deleted: bool = False
    attachments: list[_Attachment] = []


_decode = msgspec.json.Decoder(_Message).decode


async def add_reader(pool: Pool, request: AddPushReader) -> Done:
    """May be repeated."""
    await add_push_reader(pool, request.user)
    return Done(changed=True)


async def describe_pushes(pool: Pool, request: DescribePushes) -> PushNotes:
    """One query for all of them."""
    told = await read_messages_to_push(pool, request.wanted)
    return PushNotes(notes=[None if one is None else note_of(one) for one in told])


def note_of(told: Told) -> PushNote | None:
    message = _decode(told.event)
    if message.deleted:
        return None
    text = message.message
    if len(text) > MAX_PUSHED_CHARACTERS:
        text = text[: MAX_PUSHED_CHARACTERS - 1] + "…"
    return PushNote(
        seq=told.seq,
        by=told.by,
        message_id=message.message_id,
        chat_name=told.chat_name,
        direct=told.is_direct,
        personal=told.is_direct or told.is_mention,
        at=message.at,
        text=text,
        files=[attachment.name for attachment in message.attachments],
    )
