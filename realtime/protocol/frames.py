"""WebSocket frames as bytes, built once for all receivers. Pure; knows no connection.

The server's frames are never masked nor compressed, so one frame serves every receiver.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from common.protocol.errors import Refusal
from common.protocol.frames import Error, Pong, ServerFrame

MAX_FRAME_BYTES: Final = 262_144  # of a frame to clients, except `ready`

_encode = msgspec.json.Encoder().encode


def text_frame(text: bytes) -> bytes:
    """One unfragmented text frame (RFC 6455 section 5.2)."""
    size = len(text)
    if size < 126:
        return b"\x81%c%b" % (size, text)
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text


def encode_frame(frame: ServerFrame) -> bytes:
    """One object as a frame of its own."""
    return text_frame(_encode(frame))


def event_frames(text: bytes) -> bytes:
    """Lines of events, in as few frames as their size limit allows."""
    if len(text) <= MAX_FRAME_BYTES:
        return text_frame(text)
    return b"".join(text_frame(part) for part in _split(text.split(b"\n")))


def _split(lines: Iterable[bytes]) -> Iterable[bytes]:
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and size + len(line) > MAX_FRAME_BYTES:
            yield b"\n".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    yield b"\n".join(part)


def error_frame(refusal: Refusal, chat: str | None = None, client_id: str | None = None) -> bytes:
    """An `error` frame; `chat` and `client_id` say what it answers, if known."""
    fields: dict[str, Any] = {}
    if chat is not None:
        fields["chat"] = chat
    if client_id is not None:
        fields["client_id"] = client_id
    if refusal.code in ("unavailable", "rate_limited"):
        fields["retry_after"] = refusal.retry_after or 1
    return encode_frame(Error(code=refusal.code, detail=refusal.detail, **fields))


PING: Final = b"\x89\x00"  # of RFC 6455, without a payload
PONG: Final = encode_frame(Pong())
