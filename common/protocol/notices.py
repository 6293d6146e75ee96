"""Frames that chats sends to sockets of a user, as clients get them.

A notice goes to the user's topic: the name of the socket that must not get it, a line feed, the
frame; `Joined` of common/protocol/chats.py goes to the same topic. Read markers move by the
thousand: those that a batch has moved are one payload for all nodes, a line each.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from common.protocol.frames import ServerFrame

_encode = msgspec.json.Encoder().encode


class Notice(NamedTuple):
    """`origin` is the socket that knows it already, by its node's name for it; empty: none."""

    user: str
    origin: str
    frame: ServerFrame


def pack_notice(frame: ServerFrame, *, origin: str = "") -> bytes:
    """For the topic of one user."""
    return b"%b\n%b" % (origin.encode(), _encode(frame))


def unpack_notice(data: bytes) -> tuple[str, bytes] | None:
    """The origin and the frame; None if it is another kind of notice."""
    origin, is_frame, frame = data.partition(b"\n")
    return (origin.decode(errors="replace"), frame) if is_frame else None


def pack_notices(notices: Iterable[Notice]) -> bytes:
    """For the topic of all nodes. No user id and no origin contains a space."""
    return b"\n".join(
        [f"{user} {origin} ".encode() + _encode(frame) for user, origin, frame in notices]
    )


def unpack_notices(data: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Each one's user, origin and frame, in the same order. Raises msgspec.DecodeError."""
    for line in data.splitlines():
        try:
            user, origin, frame = line.split(b" ", 2)
            yield user.decode(), origin.decode(), frame
        except ValueError as error:
            raise msgspec.DecodeError("not a line of notices") from error
