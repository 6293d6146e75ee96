"""The calls that chats answers, and what it announces on the bus.

Each call is `POST /calls/<name>` with one struct as JSON and one as the answer; a refusal is the
problem+json of common.protocol.errors. Most calls that change something carry a `key`: a repeat
with the same key, on any replica, returns the first result. `repeat` of a call says what else makes
a repeat safe (common/calls/service.py).
"""

from typing import Literal

import msgspec

from common.protocol.events import ChatKind
from common.protocol.own import Mine
from common.protocol.wire import Internal

# ---- who joins or leaves at which seq; the same in the log row and in the payload


class Control(Internal):
    """`join`: the users receive this chat from `seq` on; if there is a snapshot (a `chat.created`),
    they get it in place of the event at `seq`. `leave`: the event at `seq` is the users' last one.
    `close`: it is everybody's last one (users is empty). `follow`: somebody asked for a trace of
    where the event at `seq` went; only in payloads, never in the log row."""

    seq: int
    action: Literal["join", "leave", "close", "follow"]
    users: list[str]
    snapshot: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # with None it would not decode
    trace: str | msgspec.UnsetType = msgspec.UNSET


class Joined(Internal):
    """On a user's topic: from `seq` on the user is in this chat."""

    chat: str
    seq: int


class Join(Internal):
    chat: str
    seq: int
    users: list[str]


class Digest(Internal):
    """What one replica changed in the last seconds; published every second, less often at rest, or
    polled. `timeline` is that of the database's log: a higher one than before means that another
    server took over. `age` is for how many seconds the replica has collected changes: it knows
    nothing of those before its last restart. The next one is due `every` seconds later."""

    replica: str
    heads: dict[str, int]
    joins: list[Join]
    timeline: int = 0
    age: float = float("inf")
    every: float = 1.0


# ---- chats and participants; `user` is the verified caller, `session` theirs


class Chat(Internal):
    """As clients get it; `participants` is cut above 1,000. `last` is a current message or null; it
    and `mine` are present when the chat is for one reader. A direct chat has no owner and an empty
    name."""

    id: str
    chat_name: str
    participants: list[str]
    participant_count: int
    owner: str | None
    seq: int
    kind: ChatKind
    topic: str | msgspec.UnsetType = msgspec.UNSET
    last: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    mine: Mine | msgspec.UnsetType = msgspec.UNSET


class CreateChat(Internal):
    user: str
    session: str
    key: str
    chat_name: str
    participants: list[str]


class RenameChat(Internal):
    """UNSET fields stay; a None topic is removed."""

    user: str
    chat: str
    key: str
    chat_name: str | msgspec.UnsetType = msgspec.UNSET
    topic: str | msgspec.UnsetType | None = msgspec.UNSET


class DeleteChat(Internal):
    user: str
    session: str
    chat: str
    key: str


class AddParticipants(Internal):
    user: str
    session: str
    chat: str
    key: str
    users: list[str]


class JoinChat(Internal):
    """Called by users: somebody has used an invitation of the chat's owner."""

    user: str
    chat: str
    inviter: str
    key: str


class DeleteMessagesOf(Internal):
    """Called by users: the user's account and messages are deleted. `after` is the `next` of the
    previous answer."""

    user: str
    after: str
    limit: int


class MessagesDeleted(Internal):
    """`next` is empty if there are no more."""

    next: str


class DemandChatOwner(Internal):
    """Refused unless the user owns the chat."""

    user: str
    chat: str


class ChatOwners(Internal):
    chats: list[str]


class ChatsOwned(Internal):
    """Owners by chat; chats that are gone are left out. `full` are those that nobody can join."""

    owners: dict[str, str]
    full: list[str] = msgspec.field(default_factory=list)


class RemoveParticipant(Internal):
    user: str
    session: str
    chat: str
    key: str
    participant: str


class Done(Internal):
    """`changed` is false if there was nothing to do (all were already in)."""

    changed: bool


class ListChats(Internal):
    """`before` is `next` of the previous page."""

    user: str
    before: str | None
    limit: int
    by_activity: bool = False


class ChatPage(Internal):
    chats: list[Chat]
    next: str | None


class GetChat(Internal):
    user: str
    chat: str


class GetMessage(Internal):
    user: str
    chat: str
    message_id: str


class OneMessage(Internal):
    """As clients get it."""

    message: msgspec.Raw


class GetMessages(Internal):
    """The newest ones below `before`, or the oldest ones above `after`."""

    user: str
    chat: str
    before: int | None
    limit: int
    after: int | None = None


class MessagePage(Internal):
    """Current messages, newest first: the fold of the chat's events up to `seq`. `more`: there are
    older ones, or with `after` newer ones."""

    messages: list[msgspec.Raw]
    seq: int
    more: bool


class GetEvents(Internal):
    user: str
    chat: str
    after: int
    limit: int


class EventPage(Internal):
    events: list[msgspec.Raw]
    seq: int
    more: bool


class ViewWanted(Internal):
    """What one reader wants of a chat: its state if `details`, their own state if `own`, and at
    most `amount` of the messages that are new since seq `after`."""

    user: str
    chat: str
    details: bool
    after: int
    amount: int
    own: bool = False


class ViewsRequest(Internal):
    wanted: list[ViewWanted]


class View(Internal):
    """A chat at one moment. If the reader does not take part, or there is no such chat, it is empty
    and `allowed` is false. `version` counts all changes except messages: with the epoch it
    identifies this state. If `after` was 0, `messages` are the newest current ones, newest first;
    otherwise `events` are those about messages above it, ascending."""

    allowed: bool
    version: int = 0
    seq: int = 0
    chat: Chat | None = None
    messages: list[msgspec.Raw] = msgspec.field(default_factory=list)
    events: list[msgspec.Raw] = msgspec.field(default_factory=list)
    last: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    mine: Mine | msgspec.UnsetType = msgspec.UNSET


class ViewsAnswer(Internal):
    """For each one wanted, in order."""

    epoch: str
    views: list[View]


class SearchRequest(Internal):
    """A user's search text, for one chat or all of theirs, for one sender or all; `before` is
    `next` of the previous page."""

    user: str
    query: str
    chat: str | None
    sender: str | None
    before: str | None
    limit: int


class SearchAnswer(Internal):
    """Current messages, newest first."""

    messages: list[msgspec.Raw]
    next: str | None


# ---- for realtime


class MembershipsRequest(Internal):
    users: list[str]


class MembershipsAnswer(Internal):
    """For each user, in order, the heads of their chats, and in the same order their read markers,
    which the previous release leaves out."""

    epoch: str
    chats: list[dict[str, int]]
    markers: list[list[int]] = msgspec.field(default_factory=list)


class SliceWanted(Internal):
    """`upto`: a seq that exists; a caller that needs no later events may be answered without a
    database query. 0: all that exist."""

    chat: str
    after: int
    upto: int = 0


class SlicesRequest(Internal):
    wanted: list[SliceWanted]


class Slice(Internal):
    """Events after `after`, dense, with their control entries; at most 200 and 256 KiB.

    `first` is the seq of the first of them. It is `after` + 1, except in a chat that was deleted
    over a minute ago: its log loses its oldest events, until only the last one, with its `close`,
    is left. It is 0 from releases without this field: then the reader has to find out. `head` is
    the chat's, or if `upto` was given, one that is not below it (a deleted chat's last event is its
    head; 0 for a chat that never existed).
    """

    chat: str
    after: int
    events: list[msgspec.Raw]
    controls: list[Control]
    head: int
    first: int = 0


class SlicesAnswer(Internal):
    slices: list[Slice]


class HeadsRequest(Internal):
    """The heads that a node knows."""

    heads: dict[str, int]


class HeadsAnswer(Internal):
    """The current heads of those that differ."""

    epoch: str
    heads: dict[str, int]


class JoinWanted(Internal):
    user: str
    chat: str


class JoinsRequest(Internal):
    wanted: list[JoinWanted]


class JoinsAnswer(Internal):
    """For each one wanted, in order, the seq of the user's last join; 0 if there is none."""

    seqs: list[int]


class ChangesRequest(Internal):
    pass


class CanaryMessage(Internal):
    """Comes back over the bus as a payload of the chat `canary` with this seq."""

    canary: str
    number: int


# ---- two-phase commit: users' resolver asks


class DecisionRequest(Internal):
    """Asking decides: if there is no decision yet, it becomes an abort."""

    transaction: str


class DecisionAnswer(Internal):
    decision: Literal["commit", "abort"]


class ForgetDecisions(Internal):
    """users has finished these; their commit rows may be deleted."""

    transactions: list[str]
