"""The events of a chat's log and transient frames, as types.

`decode` converts a line from the server or an object of `/events`. An unknown type becomes
`UnknownEvent` if it has a seq, so that it counts as applied, and None otherwise.
"""

from typing import Any

import msgspec


class _Wire(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="type"
):
    pass


class Event(_Wire, frozen=True, kw_only=True):
    """Something that happened in a chat. `seq` counts from 1 without gaps in each chat; `at` is a
    time such as "2026-01-02T03:04:05.678Z"; `by` is a user id."""

    chat: str
    seq: int
    at: str
    by: str


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a message. `size` in bytes; `width` and `height` in pixels, of pictures."""

    id: str
    name: str
    type: str
    size: int
    width: int | None = None
    height: int | None = None
    preview: bool = False


class MessageSent(Event, frozen=True, kw_only=True, tag="message"):
    """`deleted`: the text is gone, and `message` is empty."""

    message_id: str
    message: str
    client_id: str | None = None
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    deleted: bool = False


class MessageChanged(Event, frozen=True, kw_only=True):
    """Something happened to the message `message_id`, which has seq `of`."""

    message_id: str
    of: int


class MessageEdited(MessageChanged, frozen=True, kw_only=True, tag="message.edited"):
    message: str
    mentions: tuple[str, ...] = ()
    deleted: bool = False


class MessageDeleted(MessageChanged, frozen=True, kw_only=True, tag="message.deleted"):
    pass


class ReactionAdded(MessageChanged, frozen=True, kw_only=True, tag="reaction.added"):
    emoji: str


class ReactionRemoved(MessageChanged, frozen=True, kw_only=True, tag="reaction.removed"):
    emoji: str


class LinkPreview(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Metadata of a page that a link in a message leads to."""

    url: str
    title: str
    description: str | None = None
    site_name: str | None = None


class LinksPreviewed(MessageChanged, frozen=True, kw_only=True, tag="links.previewed"):
    """Previews of links in the message's current text."""

    previews: tuple[LinkPreview, ...]
    deleted: bool = False


class ChatCreated(Event, frozen=True, kw_only=True, tag="chat.created"):
    """A new chat, or one that the user was added to: then with the seq of that event."""

    chat_name: str
    participants: tuple[str, ...]
    participant_count: int
    owner: str | None
    kind: str
    topic: str | None = None


class ChatUpdated(Event, frozen=True, kw_only=True, tag="chat.updated"):
    chat_name: str
    owner: str | None
    topic: str | None = None


class ParticipantAdded(Event, frozen=True, kw_only=True, tag="participant.added"):
    users: tuple[str, ...]


class ParticipantRemoved(Event, frozen=True, kw_only=True, tag="participant.removed"):
    users: tuple[str, ...]
    owner: str | None


class ChatDeleted(Event, frozen=True, kw_only=True, tag="chat.deleted"):
    pass


class _Place(msgspec.Struct):
    """What is known of every event, whatever its type."""

    chat: str
    seq: int


class UnknownEvent(Event, frozen=True, kw_only=True):
    """From a newer server; `kind` is its type. It occupies its seq and changes nothing here."""

    kind: str


class Typing(_Wire, frozen=True, kw_only=True, tag="typing"):
    chat: str
    user: str


class Presence(_Wire, frozen=True, kw_only=True, tag="presence"):
    """ "online", "away" or "offline" by user id."""

    users: dict[str, str]


class ReadMarker(_Wire, frozen=True, kw_only=True, tag="read"):
    """Another device of the user read up to a seq; with `back` it marked what follows unread."""

    chat: str
    up_to: int
    back: bool = False


class ChatSettings(_Wire, frozen=True, kw_only=True, tag="mine"):
    """Another device of the user changed the user's own settings of a chat."""

    chat: str
    notify: str
    archived: bool


class Restarted(msgspec.Struct, frozen=True):
    """The server's history has changed (a database was restored): what this program stores of the
    chat, or of all chats if `chat` is None, has to be loaded again."""

    chat: str | None


Moment = Typing | Presence | ReadMarker | ChatSettings

_KINDS: tuple[type[_Wire], ...] = (
    MessageSent, MessageEdited, MessageDeleted, ReactionAdded, ReactionRemoved, LinksPreviewed,
    ChatCreated, ChatUpdated, ParticipantAdded, ParticipantRemoved, ChatDeleted, Typing, Presence,
    ReadMarker, ChatSettings,
)  # fmt: skip
_TYPES = {str(kind.__struct_config__.tag): kind for kind in _KINDS}


def decode(frame: dict[str, Any]) -> Event | Moment | None:
    """Converts a decoded JSON frame or event. Raises msgspec.ValidationError if a known type lacks
    a field, and KeyError or TypeError if it has no type."""
    kind = _TYPES.get(frame["type"])
    if kind is not None:
        return msgspec.convert(frame, kind)  # type: ignore[return-value]
    if "seq" in frame and "chat" in frame:
        place = msgspec.convert(frame, _Place)
        return UnknownEvent(
            kind=frame["type"],
            chat=place.chat,
            seq=place.seq,
            at=frame.get("at", ""),
            by=frame.get("by", ""),
        )
    return None
