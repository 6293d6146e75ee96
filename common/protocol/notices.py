"""Frames that chats has for sockets of a user, as clients get them.

One goes on the user's topic, behind the name of the socket that must not get it and a line feed;
`Joined` of common/protocol/chats.py goes the same way. Read markers move by the thousand: what a
batch has moved is one payload for all nodes, a line each.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from common.protocol.frames import ServerFrame

_encode = msgspec.json.Encoder().encode


class Notice(NamedTuple):
    """`origin` is the socket that knows it already, named as its node likes; none: empty."""

    user: str
    origin: str
    frame: ServerFrame


def pack_notice(frame: ServerFrame, *, origin: str = "") -> bytes:
    """For the topic of one user."""
    return b"%b\n%b" % (origin.encode(), _encode(frame))


def unpack_notice(data: bytes) -> tuple[str, bytes] | None:
    """The origin and the frame; None for another kind of notice."""
    origin, is_frame, frame = data.partition(b"\n")
    return (origin.decode(errors="replace"), frame) if is_frame else None


def pack_notices(notices: Iterable[Notice]) -> bytes:
    """For the topic of all nodes. No user and no origin has a space in it."""
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
