"""Routes of chats and who is in them."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET

from common.protocol.chats import (
    AddParticipants,
    CreateChat,
    DeleteChat,
    RemoveParticipant,
    RenameChat,
)
from common.protocol.errors import invalid
from common.protocol.ids import new_id
from edge.answers import answer
from edge.auth import Gate
from edge.balancer import Balancer
from edge.bodies import (
    ChatBody,
    ChatCreatedAnswer,
    ChatNameBody,
    MessageAnswer,
    NewChat,
    ParticipantsBody,
)
from edge.fields import wrong_with_chat_name
from edge.limits import Limits
from edge.reading import (
    AnyRequest,
    check_fields,
    idempotency_key,
    path_id,
    query_id,
    query_number,
    read_body,
    read_query,
)
from edge.reads import Reads
from edge.upstream import Chats

DEFAULT_CHATS = 100
MAX_CHATS = 200


def create_chat_routes(
    gate: Gate, chats: Chats, reads: Reads, limits: Limits, balancer: Balancer
) -> Sequence[Any]:
    """Everything under /api/chat apart from what is said there."""

    @post("/api/chat")
    async def create_chat(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await limits.take_new_chat(caller.user)
        body = await read_body(request, ChatBody)
        check_fields({"chatName": wrong_with_chat_name(body.chat_name)})
        key = idempotency_key(request) or balancer.request_key(request)
        chat = await chats.create_chat(
            CreateChat(
                user=caller.user,
                session=caller.session,
                key=key,
                chat_name=body.chat_name,
                participants=body.participants,
            )
        )
        created = NewChat(id=chat.id, participants=chat.participants, chat_name=chat.chat_name)
        return answer(ChatCreatedAnswer(message="Chat created successfully", chat=created), 201)

    @get("/api/chat")
    async def list_chats(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        query = read_query(request, "before", "limit")
        before = query_id(query, "before")
        limit = query_number(query, "limit", 1, MAX_CHATS)
        return answer(await chats.list_chats(caller.user, before, limit or DEFAULT_CHATS))

    @get("/api/chat/{chat_id:str}")
    async def get_chat(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        return answer(await reads.get_chat(caller.user, path_id(chat_id)))

    @patch("/api/chat/{chat_id:str}")
    async def rename_chat(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await limits.take_change(caller.user)
        body = await read_body(request, ChatNameBody)
        check_fields({"chatName": wrong_with_chat_name(body.chat_name)})
        await chats.rename_chat(
            RenameChat(
                user=caller.user, chat=path_id(chat_id), key=new_id(), chat_name=body.chat_name
            )
        )
        return answer(MessageAnswer(message="Chat details updated successfully"))

    @delete("/api/chat/{chat_id:str}", status_code=200)
    async def delete_chat(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await limits.take_change(caller.user)
        await chats.delete_chat(
            DeleteChat(
                user=caller.user, session=caller.session, chat=path_id(chat_id), key=new_id()
            )
        )
        return answer(MessageAnswer(message="Chat deleted successfully"))

    @post("/api/chat/{chat_id:str}/participant")
    async def add_participants(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await limits.take_change(caller.user)
        body = await read_body(request, ParticipantsBody)
        if (body.user_id is UNSET) == (body.user_ids is UNSET):
            raise invalid("userIds", "must be there, or userId, and not both")
        users = [body.user_id] if body.user_id is not UNSET else body.user_ids
        assert users is not UNSET
        key = idempotency_key(request) or balancer.request_key(request)
        changed = await chats.add_participants(
            AddParticipants(
                user=caller.user,
                session=caller.session,
                chat=path_id(chat_id),
                key=key,
                users=users,
            )
        )
        done = MessageAnswer(message="Participant added successfully")
        return answer(done, 201 if changed else 200)

    @delete("/api/chat/{chat_id:str}/participant/{user_id:str}", status_code=200)
    async def remove_participant(
        request: AnyRequest, chat_id: FromPath[str], user_id: FromPath[str]
    ) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await limits.take_change(caller.user)
        await chats.remove_participant(
            RemoveParticipant(
                user=caller.user,
                session=caller.session,
                chat=path_id(chat_id),
                key=new_id(),
                participant=path_id(user_id),
            )
        )
        return answer(MessageAnswer(message="Participant removed successfully"))

    return [
        create_chat, list_chats, get_chat, rename_chat, delete_chat, add_participants,
        remove_participant,
    ]  # fmt: skip
