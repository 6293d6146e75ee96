"""Messages of a chat: send, history, catch-up."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from common.identity.tokens import Claims
from common.protocol.events import AnyEvent, CurrentMessage
from common.protocol.fields import wrong_with_message
from common.protocol.items import SendItem
from common.protocol.limits import MAX_SLICE_EVENTS
from common.protocol.pages import PageWanted
from common.protocol.wire import Id, Seq
from edge.appends import Appends
from edge.bodies import (
    AnswerBody,
    Attachments,
    Mentions,
    MessageText,
    Query,
    RequestBody,
    Wrongs,
)
from edge.http.answer import Answer
from edge.http.request import RequestKey
from edge.limits import Limits
from edge.operation import Who, get, post
from edge.reads import Reads
from edge.upstream import Chats

MAX_MESSAGES = 100


class MessageBody(RequestBody):
    message: MessageText
    client_id: Id | UnsetType = UNSET
    reply_to: Id | UnsetType = UNSET
    mentions: Mentions | UnsetType = UNSET
    attachments: Attachments | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        may_be_empty = bool(self.attachments)
        return {"message": wrong_with_message(self.message, may_be_empty=may_be_empty)}

    def own_key(self) -> str | UnsetType:
        return self.client_id


class MessageInfo(AnswerBody):
    """`message`: the first text of this key, empty where the message was deleted since."""

    message_id: Id
    message: Annotated[str, Meta(examples=["The garden is ours from noon."])]
    seq: int
    at: str
    client_id: Id | UnsetType = UNSET


class MessageSentAnswer(AnswerBody):
    message: str
    message_info: MessageInfo


class HistoryQuery(Query):
    """Only one of `before` and `after`."""

    before: Annotated[Seq, Meta(description="The newest ones below this seq.")] | None = None
    after: Annotated[Seq, Meta(description="The oldest ones above this seq.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_MESSAGES, description="How many at most.")] = 50

    def wrong_fields(self) -> Wrongs:
        both = self.before is not None and self.after is not None
        return {"after": "must not be there with before" if both else None}


class MessagesAnswer(AnswerBody):
    """Newest first; the fold of all events up to `seq`. `more`: there are older messages, or with
    `after` newer ones."""

    messages: list[CurrentMessage]
    seq: int
    more: bool


class EventsQuery(Query):
    after: Annotated[Seq, Meta(description="Only events above this seq.")] = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_SLICE_EVENTS, description="How many at most.")] = (
        MAX_SLICE_EVENTS
    )


class EventsAnswer(AnswerBody):
    """Ascending, without gaps; `seq` is the chat's head."""

    events: list[AnyEvent]
    seq: int
    more: bool


class MessageRoutes:
    """/api/chat/{id}/message and /api/chat/{id}/events."""

    def __init__(self, chats: Chats, reads: Reads, appends: Appends) -> None:
        self._chats = chats
        self._reads = reads
        self._appends = appends

    @post(
        "/api/chat/{chat_id}/message",
        "Send a message",
        {201: MessageSentAnswer},
        who=Who.PARTICIPANTS,
        rate=Limits.take_send,
        refusals=("forbidden",),  # to a user whose account is deleted
    )
    async def send_message(
        self, caller: Claims, chat_id: Id, body: MessageBody, key: RequestKey
    ) -> MessageSentAnswer:
        result = await self._appends.store_message(
            SendItem(
                chat=chat_id,
                user=caller.user,
                key=key.id,
                show_key=key.is_given,
                message=body.message,
                reply_to=body.reply_to,
                mentions=body.mentions,
                attachments=body.attachments,
            )
        )
        info = MessageInfo(
            message_id=result.message_id,
            message=result.message,
            seq=result.seq,
            at=result.at,
            client_id=UNSET if result.client_id is None else result.client_id,
        )
        return MessageSentAnswer(message="Message sent successfully", message_info=info)

    @get(
        "/api/chat/{chat_id}/message",
        "History, newest first",
        {200: MessagesAnswer},
        who=Who.PARTICIPANTS,
        in_turns=True,
    )
    async def get_messages(self, caller: Claims, chat_id: Id, query: HistoryQuery) -> Answer:
        if query.after is None and query.before is None:
            page = await self._reads.get_newest_messages(caller.user, chat_id, query.limit)
        else:
            page = await self._reads.get_page(
                PageWanted(
                    user=caller.user, chat=chat_id, of="messages",
                    before=query.before, after=query.after, limit=query.limit,
                )
            )  # fmt: skip
        return Answer(page)

    @get(
        "/api/chat/{chat_id}/message/{message_id}",
        "A current message",
        {200: CurrentMessage},
        who=Who.PARTICIPANTS,
    )
    async def get_message(self, caller: Claims, chat_id: Id, message_id: Id) -> Answer:
        found = await self._chats.get_message(caller.user, chat_id, message_id)
        return Answer(bytes(found.message))

    @get(
        "/api/chat/{chat_id}/events",
        "All events after a seq, ascending",
        {200: EventsAnswer},
        who=Who.PARTICIPANTS,
        in_turns=True,
    )
    async def get_events(self, caller: Claims, chat_id: Id, query: EventsQuery) -> Answer:
        page = await self._reads.get_page(
            PageWanted(
                user=caller.user, chat=chat_id, of="events",
                before=None, after=query.after, limit=query.limit,
            )
        )  # fmt: skip
        return Answer(page)
