"""Users talk over sockets, and receive what the log holds."""

import asyncio
import uuid

from tests.fixtures.device import Device
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice, eventually


async def test_two_people_talk(ann: Person, ben: Person, make_device: MakeDevice) -> None:
    """Each receives both messages in the same order, by socket and by REST alike."""
    async with make_device(ann) as anns, make_device(ben) as bens:
        await anns.until_ready()
        await bens.until_ready()
        chat = await ann.create_chat("talk", ben.id)
        await anns.until_seq(chat, 1)
        await bens.until_seq(chat, 1)
        assert (await anns.post(chat, "hello Ben")).seq == 2
        assert (await ben.post(chat, "hello Ann")).body["messageInfo"]["seq"] == 3
        await anns.until_seq(chat, 3)
        await bens.until_seq(chat, 3)
    events = await ann.events(chat)
    assert [event.get("message") for event in events] == [None, "hello Ben", "hello Ann"]
    assert [event["by"] for event in events[1:]] == [ann.id, ben.id]
    assert anns.applied(chat) == bens.applied(chat) == events


async def test_300_parallel_posts_arrive_dense_and_in_order(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """Two sockets and `/events` agree on every one of them."""
    chat = await ann.create_chat("rush", ben.id)
    async with make_device(ann) as anns, make_device(ben) as bens:
        await anns.until_seq(chat, 1)
        await bens.until_seq(chat, 1)
        answers = await asyncio.gather(
            *((ann if number % 2 else ben).post(chat, f"message {number}") for number in range(300))
        )
        assert {answer.status for answer in answers} == {201}
        await anns.until_seq(chat, 301)
        await bens.until_seq(chat, 301)
    events = await ann.events(chat)
    assert [event["seq"] for event in events] == list(range(1, 302))
    by_seq = {event["seq"]: event for event in events}
    for answer in answers:
        info = answer.body["messageInfo"]
        assert by_seq[info["seq"]]["messageId"] == info["messageId"]
        assert by_seq[info["seq"]]["message"] == info["message"]
    assert anns.applied(chat) == bens.applied(chat) == events


async def test_typing_reaches_the_others_and_no_log(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """It is shown, never stored."""
    chat = await ann.create_chat("talk", ben.id)
    async with make_device(ann) as anns, make_device(ben) as bens:
        await anns.until_ready()
        await bens.until_ready()
        typing = {"type": "typing", "chat": chat}

        async def is_shown() -> bool:
            await anns.say(typing)  # repeated: one sent before anyone subscribes is lost
            await asyncio.sleep(0.3)
            return {**typing, "user": ann.id} in bens.frames

        await eventually(is_shown)
    assert len(await ann.events(chat)) == 1


async def test_several_objects_in_one_frame(ann: Person, make_device: MakeDevice) -> None:
    """One per line; lines before a malformed one take effect, and the socket stays open."""
    chat = await ann.create_chat("notes")
    key = str(uuid.uuid4())
    async with make_device(ann) as device:
        await device.until_seq(chat, 1)
        await device.say(
            '{"type":"ping"}\n'
            f'{{"type":"send","chat":"{chat}","clientId":"{key}","message":"a line"}}\n'
            '{"type":"no such thing"}'
        )
        await device.until(lambda device: _types(device) >= {"pong", "sent", "error"})
        await device.until_seq(chat, 2)
        assert device.ends == []


def _types(device: Device) -> set[str]:
    return {frame["type"] for frame in device.frames}


async def test_a_socket_refuses_what_rest_refuses(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """A send to a chat of others is `not_found`, and nothing is stored."""
    chat = await ann.create_chat("private")
    async with make_device(ben) as device:
        await device.until_ready()
        assert (await device.post(chat, "let me in")).refused == "not_found"
    assert len(await ann.events(chat)) == 1
