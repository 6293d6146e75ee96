"""The durable events of a chat, exactly as clients get them: the rows of its log.

chats encodes each of them once; the same bytes are stored, published, relayed and returned by
`/events`. A chat's seqs are 1, 2, 3 … without gaps, in commit order.
"""

from typing import Annotated, Literal

import msgspec

from common.protocol.files import Attachment
from common.protocol.wire import Id, Wire

ChatKind = Literal["group", "direct"]
Text = Annotated[str, msgspec.Meta(examples=["The garden is ours from noon."])]


class Event(Wire, tag_field="type", omit_defaults=True, kw_only=True):
    chat: Id
    seq: int
    at: str
    by: Id


class Message(Event, tag="message"):
    """`deleted`: its text has been removed, and `message` is empty."""

    message_id: Id
    message: Text
    client_id: Id | msgspec.UnsetType = msgspec.UNSET
    reply_to: Id | msgspec.UnsetType = msgspec.UNSET
    mentions: list[Id] | msgspec.UnsetType = msgspec.UNSET
    attachments: list[Attachment] | msgspec.UnsetType = msgspec.UNSET
    deleted: bool = False


class MessageChange(Event):
    """What happens to the message with this id, which has seq `of`."""

    message_id: Id
    of: int


class MessageEdited(MessageChange, tag="message.edited"):
    """`mentions` is the new list; `deleted` as in a message."""

    message: Text
    mentions: list[Id] | msgspec.UnsetType = msgspec.UNSET
    deleted: bool = False


class MessageDeleted(MessageChange, tag="message.deleted"):
    pass


class ReactionAdded(MessageChange, tag="reaction.added"):
    emoji: str


class ReactionRemoved(MessageChange, tag="reaction.removed"):
    emoji: str


class ChatCreated(Event, tag="chat.created"):
    """seq 1; for a user who joins later a snapshot with the seq of their join. A direct chat has no
    owner and an empty name."""

    chat_name: str
    participants: list[Id]
    participant_count: int
    owner: Id | None
    kind: ChatKind
    topic: str | msgspec.UnsetType = msgspec.UNSET


class ChatUpdated(Event, tag="chat.updated"):
    """The chat's current name and topic; without a topic it has none."""

    chat_name: str
    owner: Id
    topic: str | msgspec.UnsetType = msgspec.UNSET


class ParticipantAdded(Event, tag="participant.added"):
    users: list[Id]


class ParticipantRemoved(Event, tag="participant.removed"):
    users: list[Id]
    owner: Id


class ChatDeleted(Event, tag="chat.deleted"):
    pass


class LinkPreview(Wire):
    """A page's description of itself. `url` is the link in the message."""

    url: Annotated[str, msgspec.Meta(examples=["https://example.org/roses"])]
    title: Annotated[str, msgspec.Meta(examples=["Roses"])]
    description: (
        Annotated[str, msgspec.Meta(examples=["How to plant them."])] | msgspec.UnsetType
    ) = msgspec.UNSET
    site_name: Annotated[str, msgspec.Meta(examples=["Gardens"])] | msgspec.UnsetType = (
        msgspec.UNSET
    )


class LinksPreviewed(MessageChange, tag="links.previewed"):
    """For links in the message's current text; `deleted` as in a message."""

    previews: list[LinkPreview]
    deleted: bool = False


AnyEvent = (
    Message
    | MessageEdited
    | MessageDeleted
    | ReactionAdded
    | ReactionRemoved
    | LinksPreviewed
    | ChatCreated
    | ChatUpdated
    | ParticipantAdded
    | ParticipantRemoved
    | ChatDeleted
)


class Reaction(Wire, omit_defaults=False):
    """`users` are the first 100 of them, in the order in which they reacted."""

    emoji: str
    count: int
    users: list[Id]


class CurrentMessage(Event, tag="message"):
    """A message as history returns it: its event with later changes applied (fold.py). A deleted
    one has `deletedAt`, `deletedBy` and no text."""

    message_id: Id
    message: Text
    client_id: Id | msgspec.UnsetType = msgspec.UNSET
    reply_to: Id | msgspec.UnsetType = msgspec.UNSET
    mentions: list[Id] | msgspec.UnsetType = msgspec.UNSET
    attachments: list[Attachment] | msgspec.UnsetType = msgspec.UNSET
    edited_at: str | msgspec.UnsetType = msgspec.UNSET
    deleted_at: str | msgspec.UnsetType = msgspec.UNSET
    deleted_by: Id | msgspec.UnsetType = msgspec.UNSET
    reactions: list[Reaction] | msgspec.UnsetType = msgspec.UNSET
    previews: list[LinkPreview] | msgspec.UnsetType = msgspec.UNSET
