"""The content of a notification: never larger than a push service accepts. Pure."""

from typing import Final

import msgspec

from common.protocol.push import ClaimedPush, PushNote

_MANY_FILES: Final = 3

_encode = msgspec.json.Encoder().encode


class Notification(msgspec.Struct, rename="camel"):
    """In the form that the service worker reads. `me` is the recipient."""

    me: str
    chat: str
    seq: int
    message_id: str
    title: str
    body: str
    at: str
    silent: bool


def encode_notification(push: ClaimedPush, note: PushNote, max_bytes: int) -> bytes:
    said = note.text or _names_of(note.files)
    data = Notification(
        me=push.user,
        chat=push.chat,
        seq=push.seq,
        message_id=note.message_id,
        title=push.sender if note.direct else note.chat_name,
        body=said if note.direct else f"{push.sender}: {said}",
        at=note.at,
        silent=push.silent,
    )
    encoded = _encode(data)
    while len(encoded) > max_bytes:  # text with many bytes per character, or escapes
        data.body = data.body[: len(data.body) * 3 // 4 - 1] + "…"
        encoded = _encode(data)
    return encoded


def _names_of(files: list[str]) -> str:
    shown = ", ".join(files[:_MANY_FILES])
    more = len(files) - _MANY_FILES
    return f"{shown} and {more} more" if more > 0 else shown
