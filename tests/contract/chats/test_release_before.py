"""Edges and realtime nodes of 0.1.0 with this release: their sends and reads still work."""

from typing import Any

import msgspec
import pytest

from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, EditItem
from tests.contract.chats.conftest import Person, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Sends(msgspec.Struct):
    """As 0.1.0 encodes it."""

    items: list[dict[str, Any]]


class Looks(msgspec.Struct):
    """As 0.1.0 encodes it."""

    wanted: list[dict[str, Any]]


async def send(world: World, chat: str, sender: Person, text: str, key: str) -> dict[str, Any]:
    item = {"chat": chat, "user": sender.id, "key": key, "showKey": True, "message": text}
    answer = await world.call("send", Sends(items=[item]), dict[str, Any])
    [result] = answer["results"]
    return dict(result)


async def look(world: World, chat: str, reader: Person, **more: Any) -> dict[str, Any]:
    wanted = {"user": reader.id, "chat": chat, "details": False, "after": 0, "amount": 51, **more}
    answer = await world.call("look", Looks(wanted=[wanted]), dict[str, Any])
    [found] = answer["looks"]
    return {"epoch": answer["epoch"], **found}


def texts_of(found: dict[str, Any]) -> list[str]:
    return [message["message"] for message in found["messages"]]


async def test_a_send_of_the_release_before_is_stored_once(world: World) -> None:
    """The answer has that release's format, also if the send is refused."""
    ann, bob = await world.make_people(2)
    chat, key = await world.make_chat(ann), new_id()
    first = await send(world, chat.id, ann, "one", key)
    assert (first["seq"], first["message"], first["clientId"]) == (2, "one", key)
    assert await send(world, chat.id, ann, "two", key) == first
    refused = await send(world, chat.id, bob, "mine", new_id())
    assert refused["code"] == "not_found"
    [_, message] = await world.read_events(chat.id, ann)
    assert (message["messageId"], message["at"]) == (first["messageId"], first["at"])


async def test_readers_of_the_release_before_see_what_is_there_now(world: World) -> None:
    """Including what was edited or deleted since they asked: they cache messages that do not
    change."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, name="Garden")
    sent = [await send(world, chat.id, ann, text, new_id()) for text in ("one", "two", "three")]
    found = await look(world, chat.id, ann, details=True)
    assert (found["allowed"], found["seq"], found["chat"]["chatName"]) == (True, 4, "Garden")
    assert texts_of(found) == ["three", "two", "one"]
    assert found["epoch"]

    one, two = (item["messageId"] for item in sent[:2])
    of_ann: dict[str, Any] = {"chat": chat.id, "user": ann.id}
    await world.append(EditItem(**of_ann, message_id=one, key=new_id(), message="other"))
    await world.append(DeleteItem(**of_ann, message_id=two, key=new_id()))
    behind = await look(world, chat.id, ann, after=4)
    assert (behind["seq"], behind["messages"]) == (0, [])  # so it asks for all of them
    assert texts_of(await look(world, chat.id, ann)) == ["three", "", "other"]
    assert not (await look(world, chat.id, bob, after=4))["allowed"]
