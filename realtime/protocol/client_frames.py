"""Parses a client's line, or says what is wrong with it. Pure.

A line that is not a JSON object ends the connection; an object with an unknown type or a bad field
is refused and the connection goes on.
"""

import json
from typing import Any, Final, NamedTuple

import msgspec

from common.protocol.errors import Refusal
from common.protocol.fields import wrong_with_mentions, wrong_with_message
from common.protocol.frames import AnyClientFrame, Connect, Send
from common.protocol.ids import is_id
from common.protocol.limits import MAX_RESUMED_CHATS, is_nested_too_deep
from common.protocol.wrong import explain

_decoder: Final[msgspec.json.Decoder[AnyClientFrame]] = msgspec.json.Decoder(AnyClientFrame)


class NotAnObject(Exception):
    """The line is not JSON, or not an object."""


class Refused(NamedTuple):
    """An invalid object; `chat` and `client_id` if they can be read."""

    refusal: Refusal
    chat: str | None = None
    client_id: str | None = None
    is_connect: bool = False


def read_line(line: bytes) -> AnyClientFrame | Refused:
    """One line of a text frame, which must be valid UTF-8. Raises NotAnObject."""
    if is_nested_too_deep(line):
        return Refused(Refusal("invalid_request", "The frame is nested too deeply."))
    try:
        frame = _decoder.decode(line)
    except msgspec.DecodeError as error:
        return _explain(line, error)
    if isinstance(frame, Send) and (wrong := _wrong_with_send(frame)):
        return Refused(Refusal("invalid_request", wrong), frame.chat, frame.client_id)
    return frame


def _wrong_with_send(send: Send) -> str | None:
    if wrong := wrong_with_message(send.message, may_be_empty=bool(send.attachments)):
        return f"message {wrong}."
    if send.mentions is not msgspec.UNSET and (wrong := wrong_with_mentions(send.mentions)):
        return f"mentions {wrong}."
    return None


def is_well_formed(connect: Connect) -> bool:
    """Whether a `connect` keeps the limits that its types cannot express."""
    resume = connect.resume
    return resume is msgspec.UNSET or (
        len(resume) <= MAX_RESUMED_CHATS and all(seq >= 0 for seq in resume.values())
    )


def _explain(line: bytes, error: msgspec.DecodeError) -> Refused:
    # msgspec rejects a lone surrogate as broken JSON, which it is not: RFC 8259 section 8.2.
    try:
        # As text: given bytes, it guesses UTF-16 and skips a byte order mark. Numbers stay text:
        # Python refuses to parse those of thousands of digits.
        found = json.loads(line.decode(), parse_int=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as broken:
        raise NotAnObject from broken
    if not isinstance(found, dict):
        raise NotAnObject
    return Refused(
        Refusal("invalid_request", _detail(error)),
        _id_in(found, "chat"),
        _id_in(found, "clientId"),
        found.get("type") == "connect",
    )


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


def _detail(error: msgspec.DecodeError) -> str:
    if not isinstance(error, msgspec.ValidationError):
        return "Invalid Unicode."
    field, rule = explain(str(error))
    return "The type is unknown." if field == "type" else f"{field} {rule}."


def _id_in(found: dict[str, Any], key: str) -> str | None:
    value = found.get(key)
    return value if isinstance(value, str) and is_id(value) else None
