"""A chat with some participants and a message of the first one, and what they may do with it."""

from typing import Any, Final

import msgspec

from common.protocol.chats import Chat, GetMessages, MessagePage
from common.protocol.ids import new_id
from common.protocol.items import (
    AppendResult,
    DeleteItem,
    EditItem,
    MessageStored,
    ReactItem,
    UnreactItem,
)
from tests.contract.chats.conftest import Person, World, new_message

THUMB: Final = "👍"
HEART: Final = "❤️"


class Scene:
    """Items about the message, or another one."""

    def __init__(self, world: World, chat: Chat, people: list[Person], first: MessageStored):
        self.world, self.id, self.people = world, chat.id, people
        self.message = first.message_id

    async def append(self, item: Any, replica: int = 0) -> AppendResult:
        [result] = await self.world.append(item, replica=replica)
        return result

    def edit(self, by: Person, text: str, key: str = "", **more: Any) -> EditItem:
        return EditItem(
            chat=self.id, user=by.id, message_id=more.pop("of", self.message), key=key or new_id(),
            message=text, **more,
        )  # fmt: skip

    def delete(self, by: Person, key: str = "", of: str = "") -> DeleteItem:
        return DeleteItem(
            chat=self.id, user=by.id, message_id=of or self.message, key=key or new_id()
        )

    def react(self, by: Person, emoji: str = THUMB, of: str = "") -> ReactItem:
        return ReactItem(chat=self.id, user=by.id, message_id=of or self.message, emoji=emoji)

    def unreact(self, by: Person, emoji: str = THUMB, key: str = "") -> UnreactItem:
        return UnreactItem(
            chat=self.id, user=by.id, message_id=self.message, emoji=emoji, key=key or new_id()
        )

    async def events(self) -> list[dict[str, Any]]:
        return await self.world.read_events(self.id, self.people[0])

    async def history(self, **more: Any) -> dict[str, Any]:
        request = GetMessages(
            user=self.people[0].id, chat=self.id, before=more.pop("before", None),
            limit=more.pop("limit", 50), **more,
        )  # fmt: skip
        page = await self.world.call("get_messages", request, MessagePage)
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(page))
        return decoded

    async def current(self) -> dict[str, Any]:
        """The first message, as history returns it."""
        message: dict[str, Any] = (await self.history())["messages"][-1]
        return message


async def make_scene(world: World, people: int = 2, text: str = "hello", **more: Any) -> Scene:
    made = await world.make_people(people)
    chat = await world.make_chat(*made)
    [first] = await world.send(new_message(chat.id, made[0], text, **more))
    return Scene(world, chat, made, first)
