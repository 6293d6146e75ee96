"""What is one person's own of a chat, and the calls of chats that change it."""

from typing import Literal

from common.protocol.wire import Wire

Notify = Literal["all", "mentions", "none"]


def own_key(user: str) -> str:
    """By which a replica of chats is chosen to keep what is the user's own in order. There are
    sixteen, so that what many users say goes together."""
    return user[-1]


class Mine(Wire, omit_defaults=False):
    """What is the reader's own: their marker, what lies above it (at most 100 are counted), and
    what they want of the chat."""

    read: int
    unread: int
    mentions: int
    notify: Notify
    archived: bool


class MoveMarker(Wire, omit_defaults=False):
    """Forward to `seq`, or with `back` back to it. `asked`: when its client did, in microseconds
    since 1970; forward, it counts for nothing where the marker was turned back since. 0: now.
    `origin`: the socket that knows it already, named as its node likes."""

    user: str
    chat: str
    seq: int
    back: bool
    asked: int = 0
    origin: str = ""


class MoveMarkers(Wire, omit_defaults=False):
    """Those of many people, in the order in which they asked; what is refused is left out."""

    moves: list[MoveMarker]


class MarkersMoved(Wire, omit_defaults=False):
    """How many markers are elsewhere now."""

    moved: int


class Marker(Wire, omit_defaults=False):
    """Where it is now."""

    read: int


class ChangeMine(Wire, omit_defaults=False):
    """What is None stays."""

    user: str
    chat: str
    notify: Notify | None
    archived: bool | None
