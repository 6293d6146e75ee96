"""The frames of the socket that are not events: one struct each, and one union per direction."""

from typing import Annotated, Final, Literal

import msgspec

from common.protocol.limits import (
    MAX_ATTACHMENTS,
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_MENTIONS,
    MAX_MESSAGE_BYTES,
    MAX_RESUMED_CHATS,
    MAX_WATCHED_USERS,
)
from common.protocol.own import Notify
from common.protocol.wire import Id, Seq, Wire

SUBPROTOCOL: Final = "chat.v1"

PresenceState = Literal["online", "away", "offline"]


class ClientFrame(Wire, tag_field="type"):
    pass


class Connect(ClientFrame, tag="connect"):
    token: str
    resume: (
        Annotated[
            dict[Id, Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 0})]],
            msgspec.Meta(extra_json_schema={"maxProperties": MAX_RESUMED_CHATS}),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    epoch: str | msgspec.UnsetType = msgspec.UNSET


class Send(ClientFrame, tag="send"):
    # Its limits are checked after decoding, so that a refusal names the chat and the key.
    chat: Id
    client_id: Id
    message: Annotated[
        str,
        msgspec.Meta(
            description="1 to 8,192 bytes of UTF-8; it may be empty where there are attachments.",
            extra_json_schema={"maxLength": MAX_MESSAGE_BYTES},
        ),
    ]
    reply_to: Id | msgspec.UnsetType = msgspec.UNSET
    mentions: (
        Annotated[list[Id], msgspec.Meta(extra_json_schema={"maxItems": MAX_MENTIONS})]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    attachments: (
        Annotated[list[Id], msgspec.Meta(extra_json_schema={"maxItems": MAX_ATTACHMENTS})]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class Typing(ClientFrame, tag="typing"):
    chat: Id


class Read(ClientFrame, tag="read"):
    chat: Id
    up_to: Seq


class Watch(ClientFrame, tag="watch"):
    users: Annotated[list[Id], msgspec.Meta(max_length=MAX_WATCHED_USERS)]


class Active(ClientFrame, tag="active"):
    active: bool


class Refresh(ClientFrame, tag="refresh"):
    token: str


class Ping(ClientFrame, tag="ping"):
    pass


AnyClientFrame = Connect | Send | Typing | Read | Watch | Active | Refresh | Ping


class ServerFrame(Wire, tag_field="type"):
    pass


class Ready(ServerFrame, tag="ready", omit_defaults=False):
    connection: str
    user: Id
    epoch: str
    chats: dict[Id, int]
    behind: list[Id]
    read: dict[Id, int]
    protocol: Literal["chat.v1"] = SUBPROTOCOL
    ping_seconds: int = 25
    max_frame: int = MAX_CLIENT_MESSAGE_BYTES


class Sent(ServerFrame, tag="sent"):
    chat: Id
    client_id: Id
    message_id: Id
    seq: int
    at: str


class Error(ServerFrame, tag="error"):
    code: str
    detail: str
    chat: str | msgspec.UnsetType = msgspec.UNSET
    client_id: str | msgspec.UnsetType = msgspec.UNSET
    retry_after: int | msgspec.UnsetType = msgspec.UNSET


class Refreshed(ServerFrame, tag="refreshed"):
    expires_in: int


class Pong(ServerFrame, tag="pong"):
    pass


class Expiring(ServerFrame, tag="expiring", omit_defaults=False):
    seconds: int = 60


class SomebodyTyping(ServerFrame, tag="typing"):
    chat: Id
    user: Id


class MarkerMoved(ServerFrame, tag="read"):
    chat: Id
    up_to: int
    back: bool = False


class MineChanged(ServerFrame, tag="mine"):
    chat: Id
    notify: Notify
    archived: bool


class Presence(ServerFrame, tag="presence"):
    users: dict[Id, PresenceState]


AnyServerFrame = (
    Ready
    | Sent
    | Error
    | Refreshed
    | Pong
    | Expiring
    | SomebodyTyping
    | MarkerMoved
    | MineChanged
    | Presence
)
