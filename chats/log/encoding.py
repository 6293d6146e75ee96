"""Encodes each event once, before its number is known: a draft. The database stamps it when it
commits; the same stamp here gives the same bytes, so that publishing need not read them back."""

from typing import Any, Final

import msgspec

from common.protocol.chats import Control
from common.protocol.events import Event, Message, MessageDeleted, MessageEdited

_MARK: Final = b'"seq":0,"at":""'  # how msgspec encodes UNSTAMPED
_DELETION: Final = b'{"type":"message.deleted",'  # how msgspec begins an encoded one
UNSTAMPED: Final[dict[str, Any]] = {"seq": 0, "at": ""}

_encode = msgspec.json.Encoder().encode
_said: msgspec.json.Decoder[Message | MessageEdited] = msgspec.json.Decoder(Message | MessageEdited)
_decode_deletion = msgspec.json.Decoder(MessageDeleted).decode
_decode_controls = msgspec.json.Decoder(list[Control]).decode


def draft_event(event: Event) -> bytes:
    """The JSON of an event that was created with UNSTAMPED."""
    return _encode(event)


def draft_controls(controls: list[Control]) -> str | None:
    """Control entries whose seq is 0, and whose snapshot is a draft; None if there are none."""
    return _encode(controls).decode() if controls else None


def stamp(draft: bytes, seq: int, at: str) -> bytes:
    """The event as clients get it; the function `stamp` in migrations does the same.

    The mark cannot occur elsewhere in the JSON: within a string its quotes would be escaped.
    """
    return draft.replace(_MARK, f'"seq":{seq},"at":"{at}"'.encode(), 1)


def stamp_controls(draft: str | None, seq: int, at: str) -> list[Control]:
    """The control entries of the event with this seq."""
    if draft is None:
        return []
    controls = _decode_controls(draft)
    for control in controls:
        control.seq = seq
        if isinstance(control.snapshot, msgspec.Raw):
            control.snapshot = msgspec.Raw(stamp(bytes(control.snapshot), seq, at))
    return controls


def decode_controls(stored: str | None) -> list[Control]:
    """Control entries as stored in the log."""
    return _decode_controls(stored) if stored else []


def decode_said(event: bytes) -> Message | MessageEdited:
    """A stored message or edit. Raises msgspec.DecodeError for any other event."""
    return _said.decode(event)


def find_deleted(event: bytes) -> bytes | None:
    """Which message this event deletes, from bytes that every deletion has."""
    if not event.startswith(_DELETION):
        return None
    return f'"messageId":"{_decode_deletion(event).message_id}"'.encode()


def blank(event: bytes) -> bytes:
    """A message, edit or previews without its content, any other event unchanged; the function
    `blank_event` in migrations does the same."""
    fields = msgspec.json.decode(event, type=dict[str, Any])
    if fields["type"] == "links.previewed":
        return _encode({**fields, "previews": [], "deleted": True})
    if fields["type"] not in ("message", "message.edited"):
        return event
    for gone in ("mentions", "attachments"):
        fields.pop(gone, None)
    return _encode({**fields, "message": "", "deleted": True})
