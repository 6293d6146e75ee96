"""The caller's own state of a chat: read marker, notifications, archiving."""

import time
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from common.identity.tokens import Claims
from common.protocol.own import ChangeMine, Mine, MoveMarker, Notify
from common.protocol.wire import MAX_SEQ, Id, Seq
from edge.bodies import AnswerBody, RequestBody, Wrongs, or_none
from edge.operation import Who, patch, put
from edge.upstream import Chats


class ReadBody(RequestBody):
    up_to: Annotated[Seq, Meta(description="The last seq that was read.")]


class UnreadBody(RequestBody):
    from_: Annotated[
        int, Meta(ge=1, le=MAX_SEQ, description="The first seq that is unread again.")
    ] = field(name="from")


class MarkerAnswer(AnswerBody):
    message: str
    read: int


class MineBody(RequestBody):
    """At least one of the two."""

    notify: Notify | UnsetType = UNSET
    archived: bool | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        if self.notify is UNSET and self.archived is UNSET:
            return {"notify": "is missing, and so is archived"}
        return {}


class MineAnswer(AnswerBody):
    message: str
    mine: Mine


class OwnRoutes:
    """/api/chat/{id}/read, unread and mine."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    @put(
        "/api/chat/{chat_id}/read",
        "Move one's read marker forward",
        {200: MarkerAnswer},
        who=Who.PARTICIPANTS,
    )
    async def mark_read(self, caller: Claims, chat_id: Id, body: ReadBody) -> MarkerAnswer:
        return await self._move(caller, chat_id, body.up_to, back=False)

    @put(
        "/api/chat/{chat_id}/unread",
        "Move one's read marker back",
        {200: MarkerAnswer},
        who=Who.PARTICIPANTS,
    )
    async def mark_unread(self, caller: Claims, chat_id: Id, body: UnreadBody) -> MarkerAnswer:
        return await self._move(caller, chat_id, body.from_ - 1, back=True)

    async def _move(self, caller: Claims, chat: str, seq: int, *, back: bool) -> MarkerAnswer:
        request = MoveMarker(
            user=caller.user, chat=chat, seq=seq, back=back, asked=time.time_ns() // 1000
        )
        read = await self._chats.move_marker(request)
        return MarkerAnswer(message="Read marker updated successfully", read=read)

    @patch(
        "/api/chat/{chat_id}/mine",
        "Change what one wants to hear of a chat",
        {200: MineAnswer},
        who=Who.PARTICIPANTS,
    )
    async def change_mine(self, caller: Claims, chat_id: Id, body: MineBody) -> MineAnswer:
        mine = await self._chats.change_mine(
            ChangeMine(
                user=caller.user,
                chat=chat_id,
                notify=or_none(body.notify),
                archived=or_none(body.archived),
            )
        )
        return MineAnswer(message="Chat settings updated successfully", mine=mine)
