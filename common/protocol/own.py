"""What is one person's own of a chat, and the calls of chats that change it."""

from typing import Literal

from common.protocol.wire import Wire

Notify = Literal["all", "mentions", "none"]


class Mine(Wire, omit_defaults=False):
    """What is the reader's own: their marker, what lies above it (at most 100 are counted), and
    what they want of the chat."""

    read: int
    unread: int
    mentions: int
    notify: Notify
    archived: bool


class MoveMarker(Wire, omit_defaults=False):
    """Forward to `seq`, or with `back` back to it."""

    user: str
    chat: str
    seq: int
    back: bool


class Marker(Wire, omit_defaults=False):
    """Where it is now."""

    read: int


class ChangeMine(Wire, omit_defaults=False):
    """What is None stays."""

    user: str
    chat: str
    notify: Notify | None
    archived: bool | None
