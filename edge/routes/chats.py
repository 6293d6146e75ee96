"""Chats and their participants."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from common.identity.tokens import Claims
from common.protocol.chats import (
    AddParticipants,
    Chat,
    CreateChat,
    DeleteChat,
    ListChats,
    RemoveParticipant,
    RenameChat,
)
from common.protocol.direct import OpenDirectChat
from common.protocol.events import ChatKind, CurrentMessage
from common.protocol.fields import wrong_with_chat_name, wrong_with_topic
from common.protocol.ids import new_id
from common.protocol.own import Mine
from common.protocol.wire import Id
from edge.bodies import AnswerBody, ChatName, Ids, Query, RequestBody, Topic, Wrongs, wrong_if_sent
from edge.http.answer import Answer, CompressedAnswer, json_answer
from edge.http.request import AnyRequest, RequestKey
from edge.limits import Limits
from edge.operation import Who, delete, get, patch, post, put
from edge.reads import Reads
from edge.upstream import Chats

MAX_CHATS = 200
DIRECT_CHAT: Final = {
    "id": "019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071",
    "chatName": "",
    "participants": [
        "019a1b2c-0a1b-7c2d-8e3f-405162738495",
        "019a1b2c-0b2c-7d3e-8f40-516273849506",
    ],
    "participantCount": 2,
    "owner": None,
    "seq": 1,
    "kind": "direct",
    "last": None,
    "mine": {"read": 1, "unread": 0, "mentions": 0, "notify": "all", "archived": False},
}


class ChatBody(RequestBody):
    participants: Ids
    chat_name: ChatName

    def wrong_fields(self) -> Wrongs:
        return {"chatName": wrong_with_chat_name(self.chat_name)}


class NewChat(AnswerBody):
    id: Id
    participants: list[Id]
    chat_name: str
    last: CurrentMessage | None
    mine: Mine


class ShownChat(AnswerBody):
    """`participants` is truncated above 1,000. `last` is the newest message of its history. A
    direct chat has no owner and an empty name."""

    id: Id
    chat_name: str
    participants: list[Id]
    participant_count: int
    owner: Id | None
    seq: int
    kind: ChatKind
    last: CurrentMessage | None
    mine: Mine
    topic: str | UnsetType = UNSET


class ChatsAnswer(AnswerBody):
    chats: list[ShownChat]
    next: str | None


class ChatCreatedAnswer(AnswerBody):
    message: str
    chat: NewChat


class DirectChatAnswer(AnswerBody):
    message: str
    chat: Annotated[ShownChat, Meta(examples=[DIRECT_CHAT])]


class OpenedChat(AnswerBody):
    """The same, with the chat as the service chats returns it."""

    message: str
    chat: Chat


class ChatNameBody(RequestBody):
    """At least one of the two; null removes the topic."""

    chat_name: ChatName | UnsetType = UNSET
    topic: Topic | UnsetType | None = UNSET

    def wrong_fields(self) -> Wrongs:
        if self.chat_name is UNSET and self.topic is UNSET:
            return {"chatName": "is missing, and so is topic"}
        return {
            "chatName": wrong_if_sent(self.chat_name, wrong_with_chat_name),
            "topic": wrong_if_sent(self.topic, wrong_with_topic),
        }


class ChatsQuery(Query):
    before: Annotated[str, Meta(description="`next` of the page before.")] | None = None
    order: Annotated[
        Literal["making", "activity"],
        Meta(description="By their making, or by their last messages; newest first."),
    ] = "making"
    limit: Annotated[int, Meta(ge=1, le=MAX_CHATS, description="How many at most.")] = 100


class ParticipantsBody(RequestBody):
    """One of the two."""

    user_id: Id | UnsetType = UNSET
    user_ids: Annotated[Ids, Meta(min_length=1)] | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        is_one = (self.user_id is UNSET) != (self.user_ids is UNSET)
        return {"userIds": None if is_one else "must be there, or userId, and not both"}

    def users(self) -> list[str]:
        return [self.user_id] if self.user_id is not UNSET else self.user_ids or []


class ChatRoutes:
    """/api/chat without messages, and direct chats."""

    def __init__(self, chats: Chats, reads: Reads, limits: Limits) -> None:
        self._chats = chats
        self._reads = reads
        self._limits = limits

    @post(
        "/api/chat",
        "Create a chat",
        {201: ChatCreatedAnswer},
        rate=Limits.take_new_chat,
        refusals=("unknown_user",),
    )
    async def create_chat(
        self, caller: Claims, body: ChatBody, key: RequestKey
    ) -> ChatCreatedAnswer:
        chat = await self._chats.create_chat(
            CreateChat(
                user=caller.user,
                session=caller.session,
                key=key.id,
                chat_name=body.chat_name,
                participants=body.participants,
            )
        )
        created = NewChat(
            id=chat.id,
            participants=chat.participants,
            chat_name=chat.chat_name,
            last=None,
            mine=Mine(read=1, unread=0, mentions=0, notify="all", archived=False),
        )
        return ChatCreatedAnswer(message="Chat created successfully", chat=created)

    @put(
        "/api/user/{user_id}/direct",
        "Open the direct chat with somebody: made where there is none",
        {201: DirectChatAnswer, 200: DirectChatAnswer},
        rate=Limits.take_new_chat,
        refusals=("invalid_request",),
    )
    async def open_direct_chat(self, caller: Claims, user_id: Id) -> Answer:
        opened = await self._chats.open_direct_chat(
            OpenDirectChat(user=caller.user, session=caller.session, key=new_id(), other=user_id)
        )
        if not opened.is_new:
            self._limits.forgive_new_chat(caller.user)
        body = OpenedChat(message="Chat created successfully", chat=opened.chat)
        return json_answer(body, 201 if opened.is_new else 200)

    @get("/api/chat", "List one's chats, newest first", {200: ChatsAnswer}, in_turns=True)
    async def list_chats(self, caller: Claims, query: ChatsQuery, request: AnyRequest) -> Answer:
        wanted = ListChats(
            user=caller.user,
            before=query.before,
            limit=query.limit,
            by_activity=query.order == "activity",
        )
        answer = CompressedAnswer(await self._chats.list_chats(wanted))
        await answer.settle_in_thread(request.scope)
        return answer

    @get("/api/chat/{chat_id}", "A chat", {200: ShownChat}, who=Who.PARTICIPANTS)
    async def get_chat(self, caller: Claims, chat_id: Id) -> Answer:
        return json_answer(await self._reads.get_chat(caller.user, chat_id))

    @patch(
        "/api/chat/{chat_id}",
        "Change a chat's name or topic",
        {200: "Chat details updated successfully"},
        who=Who.CHAT_OWNER,
        rate=Limits.take_change,
    )
    async def rename_chat(self, caller: Claims, chat_id: Id, body: ChatNameBody) -> None:
        await self._chats.rename_chat(
            RenameChat(
                user=caller.user,
                chat=chat_id,
                key=new_id(),
                chat_name=body.chat_name,
                topic=body.topic,
            )
        )

    @delete(
        "/api/chat/{chat_id}",
        "Delete a chat",
        {200: "Chat deleted successfully"},
        who=Who.CHAT_OWNER,
        rate=Limits.take_change,
    )
    async def delete_chat(self, caller: Claims, chat_id: Id) -> None:
        await self._chats.delete_chat(
            DeleteChat(user=caller.user, session=caller.session, chat=chat_id, key=new_id())
        )

    @post(
        "/api/chat/{chat_id}/participant",
        "Add participants",
        {201: "Participant added successfully", 200: "Participant added successfully"},
        who=Who.CHAT_OWNER,
        rate=Limits.take_change,
        refusals=("unknown_user",),
    )
    async def add_participants(
        self, caller: Claims, chat_id: Id, body: ParticipantsBody, key: RequestKey
    ) -> int:
        changed = await self._chats.add_participants(
            AddParticipants(
                user=caller.user,
                session=caller.session,
                chat=chat_id,
                key=key.id,
                users=body.users(),
            )
        )
        return 201 if changed else 200

    @delete(
        "/api/chat/{chat_id}/participant/{user_id}",
        "Remove a participant; anyone may remove themself",
        {200: "Participant removed successfully"},
        who=Who.CHAT_OWNER,
        rate=Limits.take_change,
    )
    async def remove_participant(self, caller: Claims, chat_id: Id, user_id: Id) -> None:
        await self._chats.remove_participant(
            RemoveParticipant(
                user=caller.user,
                session=caller.session,
                chat=chat_id,
                key=new_id(),
                participant=user_id,
            )
        )
