"""A user's own state of a chat, and the calls to chats that change it."""

from typing import Literal

from common.protocol.wire import Internal

Notify = Literal["all", "mentions", "none"]


def own_key(user: str) -> str:
    """Picks the replica of chats that keeps the user's own state in order. There are sixteen keys,
    so that requests of many users are batched."""
    return user[-1]


class Mine(Internal):
    """The reader's own state: their marker, how many messages lie above it (counted up to 100), and
    their settings for the chat."""

    read: int
    unread: int
    mentions: int
    notify: Notify
    archived: bool


class MoveMarker(Internal):
    """Moves the marker forward to `seq`, or with `back` back to it. `asked`: when the client asked,
    in microseconds since 1970; a forward move is ignored if the marker was moved back since. 0:
    now. `origin`: the socket that knows it already, in its node's naming."""

    user: str
    chat: str
    seq: int
    back: bool
    asked: int = 0
    origin: str = ""


class MoveMarkers(Internal):
    """Those of many users, in the order in which they asked; refused ones are left out."""

    moves: list[MoveMarker]


class MarkersMoved(Internal):
    """The number of markers that have moved."""

    moved: int


class Marker(Internal):
    """Its current position."""

    read: int


class ChangeMine(Internal):
    """None fields stay."""

    user: str
    chat: str
    notify: Notify | None
    archived: bool | None
