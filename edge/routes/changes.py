"""Edits, deletion and reactions of messages."""

from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

from msgspec import UNSET, UnsetType

from common.identity.tokens import Claims
from common.protocol.emoji import WRONG_EMOJI, qualify_emoji
from common.protocol.errors import invalid
from common.protocol.fields import wrong_with_message
from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, EditItem, ReactItem, UnreactItem
from common.protocol.wire import Id
from edge.appends import Appends
from edge.bodies import AnswerBody, Mentions, MessageText, RequestBody, Wrongs
from edge.http.request import RequestKey
from edge.limits import Limits
from edge.operation import PathText, Who, delete, patch, put

ONE: Final = "/api/chat/{chat_id}/message/{message_id}"
REACTION: Final = ONE + "/reaction/{emoji}"


def read_emoji(text: str) -> str:
    """The emoji in the path, fully qualified. Raises Refusal invalid_request."""
    try:
        emoji = qualify_emoji(unquote_to_bytes(text).decode())
    except UnicodeDecodeError:
        emoji = None
    if emoji is None:
        raise invalid("emoji", WRONG_EMOJI)
    return emoji


Emoji = Annotated[
    str,
    PathText(
        read_emoji,
        {
            "type": "string",
            "description": "One emoji of Unicode's list, in any of its spellings.",
            "examples": ["👍"],
        },
        refuses="invalid_request",
    ),
]


class EditBody(RequestBody):
    """Without `mentions` the message keeps its own."""

    message: MessageText
    mentions: Mentions | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        # Only chats knows whether the message has files, without which it may not be empty.
        return {"message": wrong_with_message(self.message, may_be_empty=True)}


class EditedInfo(AnswerBody):
    """`seq` and `at` of the edit; if it changed nothing, of the last edit or of the message."""

    message_id: Id
    message: MessageText
    seq: int
    at: str


class MessageEditedAnswer(AnswerBody):
    message: str
    message_info: EditedInfo


class ChangeRoutes:
    """/api/chat/{id}/message/{id} and its reactions. Calls that change nothing do not count against
    the rate; refused calls do."""

    def __init__(self, appends: Appends, limits: Limits) -> None:
        self._appends = appends
        self._limits = limits

    @patch(
        ONE,
        "Edit a message",
        {200: MessageEditedAnswer},
        who=Who.SENDER,
        rate=Limits.take_send,
        refusals=("forbidden",),
    )
    async def edit_message(
        self, caller: Claims, chat_id: Id, message_id: Id, body: EditBody, key: RequestKey
    ) -> MessageEditedAnswer:
        stored = await self._appends.store_message(
            EditItem(
                chat=chat_id,
                user=caller.user,
                message_id=message_id,
                key=key.id,
                message=body.message,
                mentions=body.mentions,
            )
        )
        if not stored.is_new:
            self._limits.forgive_send(caller.user)
        info = EditedInfo(
            message_id=stored.message_id, message=stored.message, seq=stored.seq, at=stored.at
        )
        return MessageEditedAnswer(message="Message edited successfully", message_info=info)

    @delete(
        ONE,
        "Delete a message: its text is removed",
        {200: "Message deleted successfully"},
        who=Who.SENDER_OR_OWNER,
        rate=Limits.take_send,
        refusals=("forbidden",),
    )
    async def delete_message(
        self, caller: Claims, chat_id: Id, message_id: Id, key: RequestKey
    ) -> None:
        # The client's key is only read: after a deletion its repeat finds nothing. Our own retries
        # of this one request learn its outcome.
        await self._appends.store_change(
            DeleteItem(
                chat=chat_id,
                user=caller.user,
                message_id=message_id,
                key=new_id(),
            )
        )

    @put(
        REACTION,
        "React to a message",
        {201: "Reaction added successfully", 200: "Reaction added successfully"},
        who=Who.PARTICIPANTS,
        rate=Limits.take_send,
    )
    async def add_reaction(self, caller: Claims, chat_id: Id, message_id: Id, emoji: Emoji) -> int:
        stored = await self._appends.store_change(
            ReactItem(
                chat=chat_id,
                user=caller.user,
                message_id=message_id,
                emoji=emoji,
            )
        )
        if not stored.is_new:
            self._limits.forgive_send(caller.user)
        return 201 if stored.is_new else 200

    @delete(
        REACTION,
        "Remove a reaction",
        {200: "Reaction removed successfully"},
        who=Who.REACTED,
        rate=Limits.take_send,
    )
    async def remove_reaction(
        self, caller: Claims, chat_id: Id, message_id: Id, emoji: Emoji, key: RequestKey
    ) -> None:
        stored = await self._appends.store_change(
            UnreactItem(
                chat=chat_id,
                user=caller.user,
                message_id=message_id,
                key=key.id,
                emoji=emoji,
            )
        )
        if not stored.is_new:
            self._limits.forgive_send(caller.user)
