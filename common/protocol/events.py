"""The durable events of a chat, exactly as clients get them: the rows of its log.

chats encodes each of them once; the same bytes are stored, published, relayed and returned by
`/events`. A chat's seqs are 1, 2, 3 … without holes, in commit order.
"""

from typing import Literal

import msgspec

from common.protocol.wire import Id, Wire


class Event(Wire, tag_field="type", omit_defaults=True, kw_only=True):
    chat: Id
    seq: int
    at: str
    by: Id


class Message(Event, tag="message"):
    message_id: Id
    message: str
    client_id: Id | msgspec.UnsetType = msgspec.UNSET


class ChatCreated(Event, tag="chat.created"):
    """seq 1; for somebody who joins later a snapshot with the seq of their joining."""

    chat_name: str
    participants: list[Id]
    participant_count: int
    owner: Id
    kind: Literal["group"]


class ChatUpdated(Event, tag="chat.updated"):
    chat_name: str
    owner: Id


class ParticipantAdded(Event, tag="participant.added"):
    users: list[Id]


class ParticipantRemoved(Event, tag="participant.removed"):
    users: list[Id]
    owner: Id


class ChatDeleted(Event, tag="chat.deleted"):
    pass


AnyEvent = Message | ChatCreated | ChatUpdated | ParticipantAdded | ParticipantRemoved | ChatDeleted
