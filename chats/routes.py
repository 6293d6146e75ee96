"""The calls of docs/internals.md, one handler each; what they do is elsewhere."""

from typing import Any

from litestar import Request, post
from litestar.params import JSONBody

from chats import chats, history, looks, nodes, participants
from chats.coordinator import Coordinator
from chats.digest import RecentChanges
from chats.messages import Sender
from chats.outbox import Publisher
from chats.store.decisions import decide, forget_commits
from chats.window import Window
from common.calls import DEADLINE_HEADER, DEADLINE_SECONDS
from common.database import Pool
from common.protocol.chats import (
    AddParticipants,
    CanarySong,
    ChangesRequest,
    Chat,
    ChatPage,
    CreateChat,
    DecisionAnswer,
    DecisionRequest,
    DeleteChat,
    Digest,
    Done,
    EventPage,
    ForgetDecisions,
    GetChat,
    GetEvents,
    GetMessages,
    HeadsAnswer,
    HeadsRequest,
    ListChats,
    LooksAnswer,
    LooksRequest,
    MembershipsAnswer,
    MembershipsRequest,
    MessagePage,
    RemoveParticipant,
    RenameChat,
    SendsAnswer,
    SendsRequest,
    SlicesAnswer,
    SlicesRequest,
)

# a full batch of the longest messages, all of it escaped; the heads of half a million chats
MAX_BODY_BYTES = 64 * 2**20


def create_routes(
    pool: Pool,
    sender: Sender,
    coordinator: Coordinator,
    window: Window,
    recent: RecentChanges,
    publisher: Publisher,
) -> list[Any]:
    """Litestar handlers."""
    return [
        *_create_change_routes(pool, sender, coordinator),
        *_create_read_routes(pool),
        *_create_node_routes(pool, window, recent, publisher),
    ]


def _create_change_routes(pool: Pool, sender: Sender, coordinator: Coordinator) -> list[Any]:
    @post("/calls/send", status_code=200, request_max_body_size=MAX_BODY_BYTES)
    async def send(data: JSONBody[SendsRequest], request: Request[Any, Any, Any]) -> SendsAnswer:
        left_ms = request.headers.get(DEADLINE_HEADER, "")
        seconds = int(left_ms) / 1000 if left_ms.isdigit() else DEADLINE_SECONDS
        return SendsAnswer(results=await sender.send(data.items, seconds))

    @post("/calls/create_chat", status_code=200)
    async def create_chat(data: JSONBody[CreateChat]) -> Chat:
        return await chats.create_chat(coordinator, data)

    @post("/calls/rename_chat", status_code=200)
    async def rename_chat(data: JSONBody[RenameChat]) -> Done:
        return await chats.rename_chat(pool, coordinator, data)

    @post("/calls/delete_chat", status_code=200)
    async def delete_chat(data: JSONBody[DeleteChat]) -> Done:
        return await chats.delete_chat(pool, coordinator, data)

    @post("/calls/add_participants", status_code=200)
    async def add_participants(data: JSONBody[AddParticipants]) -> Done:
        return await participants.add_participants(pool, coordinator, data)

    @post("/calls/remove_participant", status_code=200)
    async def remove_participant(data: JSONBody[RemoveParticipant]) -> Done:
        return await participants.remove_participant(pool, coordinator, data)

    @post("/calls/decide", status_code=200)
    async def decide_transaction(data: JSONBody[DecisionRequest]) -> DecisionAnswer:
        committed = await decide(pool, data.transaction)
        return DecisionAnswer(decision="commit" if committed else "abort")

    @post("/calls/forget", status_code=200)
    async def forget(data: JSONBody[ForgetDecisions]) -> Done:
        await forget_commits(pool, data.transactions)
        return Done(changed=True)

    return [
        send, create_chat, rename_chat, delete_chat, add_participants, remove_participant,
        decide_transaction, forget,
    ]  # fmt: skip


def _create_read_routes(pool: Pool) -> list[Any]:
    @post("/calls/get_chat", status_code=200)
    async def get_chat(data: JSONBody[GetChat]) -> Chat:
        return await chats.get_chat(pool, data)

    @post("/calls/list_chats", status_code=200)
    async def list_chats(data: JSONBody[ListChats]) -> ChatPage:
        return await chats.list_chats(pool, data)

    @post("/calls/get_messages", status_code=200)
    async def get_messages(data: JSONBody[GetMessages]) -> MessagePage:
        return await history.get_messages(pool, data)

    @post("/calls/get_events", status_code=200)
    async def get_events(data: JSONBody[GetEvents]) -> EventPage:
        return await history.get_events(pool, data)

    @post("/calls/look", status_code=200)
    async def look(data: JSONBody[LooksRequest]) -> LooksAnswer:
        return await looks.look(pool, data)

    return [get_chat, list_chats, get_messages, get_events, look]


def _create_node_routes(
    pool: Pool, window: Window, recent: RecentChanges, publisher: Publisher
) -> list[Any]:
    @post("/calls/memberships", status_code=200)
    async def memberships(data: JSONBody[MembershipsRequest]) -> MembershipsAnswer:
        return await nodes.get_memberships(pool, data)

    @post("/calls/slices", status_code=200)
    async def slices(data: JSONBody[SlicesRequest]) -> SlicesAnswer:
        return await nodes.get_slices(pool, window, data)

    @post("/calls/heads", status_code=200, request_max_body_size=MAX_BODY_BYTES)
    async def heads(data: JSONBody[HeadsRequest]) -> HeadsAnswer:
        return await nodes.get_heads(pool, data)

    @post("/calls/changes", status_code=200)
    async def changes(data: JSONBody[ChangesRequest]) -> Digest:
        return await nodes.get_changes(pool, recent)

    @post("/calls/canary", status_code=200)
    async def canary(data: JSONBody[CanarySong]) -> Done:
        await nodes.sing(pool, publisher, data)
        return Done(changed=True)

    return [memberships, slices, heads, changes, canary]
