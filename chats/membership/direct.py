"""Direct chats: two users, no owner, no name, one for each pair, permanent."""

import msgspec

from chats.membership.chats import first_change
from chats.membership.coordinator import Coordinator, Memberships, Plan
from chats.own.state import get_chat
from chats.store.changes import ResultKey
from chats.store.direct import find_direct_chat
from common.database.pool import Pool
from common.protocol.chats import Chat, GetChat
from common.protocol.direct import DirectChat, OpenDirectChat
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.ids import new_id
from common.protocol.wire import Internal


class _Opened(Internal):
    chat: str
    is_new: bool


_decode_opened = msgspec.json.Decoder(_Opened).decode


async def open_direct_chat(
    pool: Pool, coordinator: Coordinator, request: OpenDirectChat
) -> DirectChat:
    """If several ask at once, on any replicas, one of them creates it.

    Raises Refusal: `invalid_request` for the caller's own id and at a limit, `not_found` if there
    is no such user, `unauthenticated`.
    """
    if request.other == request.user:
        raise invalid("userId", "must not be your own")

    async def make_plan() -> Plan:
        found = await find_direct_chat(pool, request.user, request.other)
        if found is not None:
            return Plan(msgspec.json.encode(_Opened(chat=found, is_new=False)))
        both = (request.user, request.other)
        chat = Chat(
            id=new_id(),
            chat_name="",
            participants=list(both),
            participant_count=2,
            owner=None,
            seq=1,
            kind="direct",
        )
        return Plan(
            msgspec.json.encode(_Opened(chat=chat.id, is_new=True)),
            first_change(chat, both, by=request.user),
            Memberships(request.session, add=both),
        )

    key = ResultKey(request.user, f"open_direct_chat {request.other}", request.key)
    pair = " ".join(sorted((request.user, request.other)))
    try:
        opened = _decode_opened(await coordinator.change(key, make_plan, pair))
    except Refusal as refusal:
        if refusal.code == "unknown_user":
            raise not_found() from None
        raise
    chat = await get_chat(pool, GetChat(user=request.user, chat=opened.chat))
    return DirectChat(chat=chat, is_new=opened.is_new)
