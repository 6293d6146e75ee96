"""Routes of what is said in a chat: send, history, catch-up."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import UNSET

from common.process.trace import followed_trace
from common.protocol.chats import SendItem
from common.protocol.errors import invalid
from common.protocol.limits import MAX_SLICE_EVENTS, wrong_with_message
from edge.answers import answer
from edge.auth import Gate
from edge.balancer import Balancer
from edge.bodies import MessageBody, MessageInfo, MessageSentAnswer
from edge.limits import Limits
from edge.reading import (
    AnyRequest,
    check_fields,
    idempotency_key,
    path_id,
    query_number,
    read_body,
    read_query,
)
from edge.reads import Reads
from edge.sends import Sends
from edge.upstream import Chats

DEFAULT_MESSAGES = 50
MAX_MESSAGES = 100


def create_message_routes(
    gate: Gate, chats: Chats, reads: Reads, sends: Sends, limits: Limits, balancer: Balancer
) -> Sequence[Any]:
    """/api/chat/{id}/message and /api/chat/{id}/events."""

    @post("/api/chat/{chat_id:str}/message")
    async def send_message(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await limits.take_send(caller.user)
        body = await read_body(request, MessageBody)
        check_fields({"message": wrong_with_message(body.message)})
        own_key = idempotency_key(request)
        if body.client_id is not UNSET:
            if own_key is not None and own_key != body.client_id:
                raise invalid("clientId", "must be the same as the Idempotency-Key")
            own_key = body.client_id
        result = await sends.send(
            SendItem(
                chat=path_id(chat_id),
                user=caller.user,
                key=own_key or balancer.request_key(request),
                show_key=own_key is not None,
                message=body.message,
                trace=followed_trace.get() or UNSET,
            )
        )
        info = MessageInfo(
            message_id=result.message_id,
            message=result.message,
            seq=result.seq,
            at=result.at,
            client_id=UNSET if result.client_id is None else result.client_id,
        )
        sent = MessageSentAnswer(message="Message sent successfully", message_info=info)
        return answer(sent, 201)

    @get("/api/chat/{chat_id:str}/message")
    async def get_messages(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        query = read_query(request, "before", "limit")
        before = query_number(query, "before", 0)
        limit = query_number(query, "limit", 1, MAX_MESSAGES) or DEFAULT_MESSAGES
        chat = path_id(chat_id)
        if before is None:
            return answer(await reads.get_newest_messages(caller.user, chat, limit))
        return answer(await chats.get_messages(caller.user, chat, before, limit))

    @get("/api/chat/{chat_id:str}/events")
    async def get_events(request: AnyRequest, chat_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        query = read_query(request, "after", "limit")
        after = query_number(query, "after", 0) or 0
        limit = query_number(query, "limit", 1, MAX_SLICE_EVENTS) or MAX_SLICE_EVENTS
        return answer(await chats.get_events(caller.user, path_id(chat_id), after, limit))

    return [send_message, get_messages, get_events]
