"""Notices for one person's sockets, on the person's topic: `Joined` of common/protocol/chats.py, or
a frame as clients get it, behind the name of the socket that must not get it and a line feed."""

import msgspec

from common.protocol.frames import ServerFrame

_encode = msgspec.json.Encoder().encode


def pack_notice(frame: ServerFrame, *, origin: str = "") -> bytes:
    """`origin` is the socket that knows it already, named as its node likes."""
    return origin.encode() + b"\n" + _encode(frame)


def unpack_notice(data: bytes) -> tuple[str, bytes] | None:
    """The origin and the frame; None for another kind of notice."""
    origin, is_frame, frame = data.partition(b"\n")
    return (origin.decode(errors="replace"), frame) if is_frame else None
