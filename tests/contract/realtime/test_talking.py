"""Connect, ready, live messages, sends, typing: a socket without failures."""

import asyncio
import contextlib

from common.protocol.ids import new_id
from tests.contract.realtime.conftest import Frame, Socket, World


async def test_ready_names_the_chats_and_their_heads(world: World) -> None:
    """`ready` is the first line; it names the user, their chats with heads, and the fixed
    limits."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.post(chat, ann, "one", "two")
    async with world.connect(ben) as socket:
        ready = socket.ready
        assert ready.pop("connection")
        assert ready.pop("epoch")
        assert ready == {
            "type": "ready",
            "protocol": "chat.v1",
            "user": ben.id,
            "chats": {chat: 3},
            "behind": [],
            "read": {chat: 1},
            "pingSeconds": 25,
            "maxFrame": 65536,
        }


async def test_a_sent_message_is_answered_and_reaches_all(world: World) -> None:
    """The sender gets `sent` and their own event; everyone gets the event as in history."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    async with world.connect(ann) as a, world.connect(ben) as b:
        key = new_id()
        await a.say({"type": "send", "chat": chat, "clientId": key, "message": "hello ☃"})
        sent = await a.hear_type("sent")
        heard = await b.hear_event()
        assert heard == (await world.events(chat, ann))[-1]
        assert heard["message"] == "hello ☃"
        assert heard["clientId"] == key
        fields = ("chat", "clientId", "messageId", "seq", "at")
        assert sent == {"type": "sent", **{field: heard[field] for field in fields}}


async def test_a_repeat_of_a_client_id_is_answered_with_the_first_result(world: World) -> None:
    """The same clientId again gets the same answer and no second event."""
    (ann,) = await world.make_people(1)
    chat = await world.make_chat(ann)
    async with world.connect(ann) as socket:
        frame = {"type": "send", "chat": chat, "clientId": new_id(), "message": "once"}
        await socket.say(frame)
        first = await socket.hear_type("sent")
        await socket.say({**frame, "message": "twice"})
        assert await socket.hear_type("sent") == first
        assert len(await world.events(chat, ann)) == 2


async def test_pipelined_sends_keep_their_order(world: World) -> None:
    """Messages of one connection to one chat are stored in the order in which they were sent."""
    (ann,) = await world.make_people(1)
    chat = await world.make_chat(ann)
    async with world.connect(ann) as socket:
        for number in range(40):
            await socket.say(
                {"type": "send", "chat": chat, "clientId": new_id(), "message": str(number)}
            )
        events = await socket.hear_until(41)
    assert [event["message"] for event in events] == [str(number) for number in range(40)]


async def test_sends_that_fail_are_answered_each(world: World) -> None:
    """A chat that the user is not in, an empty message and an invalid id are errors; the socket
    stays open."""
    ann, ben = await world.make_people(2)
    foreign = await world.make_chat(ben)
    async with world.connect(ann) as socket:
        for chat in (foreign, new_id()):
            key = new_id()
            await socket.say({"type": "send", "chat": chat, "clientId": key, "message": "x"})
            error = await socket.hear()
            assert (error["type"], error["code"]) == ("error", "not_found")
            assert (error["chat"], error["clientId"]) == (chat, key)
        key = new_id()
        for bad in ({"message": ""}, {"message": "x" * 8193}, {"message": None}, {}):
            await socket.say({"type": "send", "chat": foreign, "clientId": key, **bad})
            error = await socket.hear()
            assert (error["code"], error["chat"], error["clientId"]) == (
                "invalid_request", foreign, key,
            )  # fmt: skip
        await socket.say({"type": "send", "chat": "nonsense", "clientId": key, "message": "x"})
        assert "chat" not in (error := await socket.hear())
        assert error["clientId"] == key
        await socket.say({"type": "ping"})
        assert await socket.hear() == {"type": "pong"}


async def test_typing_reaches_others_once_a_second(world: World) -> None:
    """Others in the chat see who types; the typing user does not, nor does a chat that they are not
    in."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    foreign = await world.make_chat(ben)
    async with world.connect(ann) as a, world.connect(ann) as a2, world.connect(ben) as b:
        await a.say({"type": "typing", "chat": chat}, {"type": "typing", "chat": foreign})
        assert await b.hear() == {"type": "typing", "chat": chat, "user": ann.id}
        assert await a.hear_nothing_more() == []
        assert await a2.hear_nothing_more() == []
        assert await b.hear_nothing_more() == []


async def test_frames_before_ready_wait_for_it(world: World) -> None:
    """What follows `connect` in the same or the next frame is processed after `ready`."""
    (ann,) = await world.make_people(1)
    chat = await world.make_chat(ann)
    async with world.dial() as socket:
        send = {"type": "send", "chat": chat, "clientId": new_id(), "message": "early"}
        await socket.say({"type": "connect", "token": ann.token}, {"type": "ping"})
        await socket.say(send)
        assert (await socket.hear())["type"] == "ready"
        assert (await socket.hear())["type"] == "pong"
        assert (await socket.hear_type("message"))["message"] == "early"


async def test_everyone_sees_parallel_sends_in_one_order(world: World) -> None:
    """Eight users send at once: all see every seq once, in the order of history."""
    people = await world.make_people(8)
    chat = await world.make_chat(people[0], *people[1:])

    async def talk(socket: Socket) -> list[Frame]:
        for number in range(10):
            await socket.say(
                {"type": "send", "chat": chat, "clientId": new_id(), "message": f"{number}"}
            )
        return await socket.hear_until(81)

    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(world.connect(person)) for person in people]
        heard = await asyncio.gather(*(talk(socket) for socket in sockets))
    history = await world.events(chat, people[0])
    assert all(events == history[1:] for events in heard)
