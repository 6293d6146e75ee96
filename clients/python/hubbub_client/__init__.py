"""The Hubbub client for Python programs: see clients/python/README.md."""

from hubbub_client.chat import Chat, File, Sent, reply_key
from hubbub_client.client import Client
from hubbub_client.errors import (
    Conflict,
    EmailTaken,
    Forbidden,
    HubbubError,
    InvalidCredentials,
    InvalidRequest,
    LastOwner,
    NoAnswer,
    NotFound,
    RateLimited,
    Refused,
    SignupClosed,
    Stopped,
    TooLarge,
    Transient,
    Unauthenticated,
    Unavailable,
    UnknownUser,
    UsernameTaken,
)
from hubbub_client.events import (
    Attachment,
    ChatCreated,
    ChatDeleted,
    ChatSettings,
    ChatUpdated,
    Event,
    LinkPreview,
    LinksPreviewed,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Moment,
    ParticipantAdded,
    ParticipantRemoved,
    Presence,
    ReactionAdded,
    ReactionRemoved,
    ReadMarker,
    Restarted,
    Typing,
    UnknownEvent,
)
from hubbub_client.fold import Message, Reaction, fold
from hubbub_client.store import FileStore, MemoryStore, Store

__all__ = [
    "Attachment", "Chat", "ChatCreated", "ChatDeleted", "ChatSettings", "ChatUpdated", "Client",
    "Conflict", "EmailTaken", "Event", "File", "FileStore", "Forbidden", "HubbubError",
    "InvalidCredentials", "InvalidRequest", "LastOwner", "LinkPreview", "LinksPreviewed",
    "MemoryStore", "Message", "MessageDeleted", "MessageEdited", "MessageSent", "Moment",
    "NoAnswer", "NotFound",
    "ParticipantAdded", "ParticipantRemoved", "Presence", "RateLimited", "Reaction",
    "ReactionAdded", "ReactionRemoved", "ReadMarker", "Refused", "Restarted", "Sent",
    "SignupClosed", "Stopped", "Store", "TooLarge", "Transient", "Typing", "Unauthenticated",
    "Unavailable", "UnknownEvent", "UnknownUser", "UsernameTaken", "fold", "reply_key",
]  # fmt: skip
