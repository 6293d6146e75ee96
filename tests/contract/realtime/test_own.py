"""A user's private data on their sockets: read markers and settings, over two nodes."""

import asyncio
from typing import Any

from common.protocol import chats as c
from common.protocol.ids import new_id
from common.protocol.own import ChangeMine, Marker, Mine, MoveMarker
from tests.contract.realtime.conftest import PATIENCE_SECONDS, Frame, Person, Process, Socket, World
from tests.fixtures.busy import bound

STORED_SECONDS = bound(2.0, 20.0)


async def read_marker(world: World, chat: str, person: Person) -> int:
    request = c.GetChat(user=person.id, chat=chat)
    found = await world.chats.call("get_chat", request, c.Chat, key=person.id)
    assert isinstance(found.mine, Mine)
    return found.mine.read


async def until_marker_is(world: World, chat: str, person: Person, seq: int) -> None:
    async with asyncio.timeout(STORED_SECONDS):
        while await read_marker(world, chat, person) != seq:  # noqa: ASYNC110 - polls over HTTP
            await asyncio.sleep(0.02)


async def turn_back(world: World, chat: str, person: Person, seq: int) -> int:
    request = MoveMarker(user=person.id, chat=chat, seq=seq, back=True)
    return (await world.chats.call("move_marker", request, Marker, key=person.id)).read


def read(chat: str, seq: Any) -> Frame:
    return {"type": "read", "chat": chat, "upTo": seq}


async def own_frames(socket: Socket) -> list[Frame]:
    """The user's private frames received so far."""
    return [f for f in await socket.hear_nothing_more() if f["type"] in ("read", "mine")]


async def test_a_marker_reaches_the_other_sockets_alone(world: World, other_node: Process) -> None:
    """On every node; neither the socket that sent it nor any other user receives it."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.post(chat, ann, "one", "two", "three")
    async with (
        world.connect(ben) as here,
        world.connect(ben) as beside,
        world.connect(ben, other_node) as there,
        world.connect(ann) as stranger,
    ):
        assert here.ready["read"] == {chat: 1}
        await here.say(read(chat, 3))
        for socket in (beside, there):
            assert await socket.hear_type("read") == read(chat, 3)
        assert await read_marker(world, chat, ben) == 3
        assert await own_frames(here) == []
        assert await own_frames(stranger) == []
    async with world.connect(ben, other_node) as later:
        assert later.ready["read"] == {chat: 3}


async def test_turning_back_waits_for_what_was_said_before(world: World) -> None:
    """The answer, and the only frame that other sockets receive for it, is the marker below the
    seq."""
    ann, ben = await world.make_people(2)
    chats = [await world.make_chat(ann, ben) for _ in range(8)]
    for chat in chats:
        await world.post(chat, ann, *map(str, range(9)))
    async with world.connect(ben) as here, world.connect(ben) as beside:
        for chat in chats:
            await here.say(read(chat, 10))
        turned = await asyncio.gather(*(turn_back(world, chat, ben, 8) for chat in chats))
        assert turned == [8] * len(chats)
        heard: list[Frame] = []
        while len(heard) < len(chats):  # chats may answer before the node has received it
            heard += [frame for frame in await own_frames(beside) if "back" in frame]
    assert sorted(frame["chat"] for frame in heard) == sorted(chats)
    assert {frame["upTo"] for frame in heard} == {8}


async def test_the_highest_marker_counts(world: World, other_node: Process) -> None:
    """However many frames come, from two sockets on two nodes; lower ones move nothing."""
    ann, ben = await world.make_people(2)
    chats = [await world.make_chat(ann, ben) for _ in range(5)]
    for chat in chats:
        await world.post(chat, ann, *map(str, range(40)))
    async with world.connect(ben) as here, world.connect(ben, other_node) as there:
        for seq in range(1, 41):
            await here.say(*(read(chat, seq) for chat in chats))
            await there.say(*(read(chat, 41 - seq) for chat in chats))
        for chat in chats:
            await until_marker_is(world, chat, ben, 40)
        await here.say(read(chats[0], 2), read(chats[1], 41))
        await until_marker_is(world, chats[1], ben, 41)
        assert await read_marker(world, chats[0], ben) == 40


async def test_a_frame_never_undoes_an_unread_after_it(world: World, other_node: Process) -> None:
    """Not even one that waits to be stored, which moves the marker at most to there; a later frame
    counts, even with a lower seq."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.post(chat, ann, *map(str, range(20)))
    async with world.connect(ben) as here, world.connect(ben, other_node) as there:
        for _ in range(5):
            # The first is stored at once, the second waits for the next batch.
            await here.say(read(chat, 15))
            await here.say(read(chat, 20))
            await here.hear_nothing_more()
            assert await turn_back(world, chat, ben, 4) <= 4
            while (told := await there.hear_type("read")).get("back") is None:
                pass
            assert told["upTo"] <= 4
            await until_marker_is(world, chat, ben, 4)
            await here.say(read(chat, 9))
            while await there.hear_type("read") != read(chat, 9):
                pass
            assert await read_marker(world, chat, ben) == 9
            # The socket that sent it around the turning back is told too: it may receive the latter
            # afterwards.
            while await here.hear_type("read") != read(chat, 9):
                pass
            await turn_back(world, chat, ben, 0)
            while await there.hear_type("read") != {**read(chat, 0), "back": True}:
                pass


async def test_what_is_no_marker_is_refused_silently(world: World) -> None:
    """Above the head, of another user's chat, of none; valid markers with it still count. A seq of
    the wrong type is an error."""
    ann, ben = await world.make_people(2)
    chat, other = await world.make_chat(ann, ben), await world.make_chat(ann)
    await world.post(chat, ann, "one", "two")
    async with world.connect(ben) as socket:
        await socket.say(
            read(chat, 99), read(chat, 2), read(chat, 98), read(other, 1), read(new_id(), 1)
        )
        await until_marker_is(world, chat, ben, 2)
        assert await socket.hear_nothing_more() == []
        for wrong in (read(chat, -1), read(chat, "2"), read("x", 1), {"type": "read"}):
            await socket.say(wrong)
            assert (await socket.hear())["code"] == "invalid_request"


async def test_settings_reach_all_sockets(world: World, other_node: Process) -> None:
    """In the order in which they were changed."""
    ann = (await world.make_people(1))[0]
    chat = await world.make_chat(ann)
    async with world.connect(ann) as here, world.connect(ann, other_node) as there:
        await asyncio.gather(
            *(
                world.chats.call(
                    "change_mine",
                    ChangeMine(user=ann.id, chat=chat, notify=notify, archived=True),
                    Mine,
                    key=ann.id,
                    try_timeout=PATIENCE_SECONDS,  # a call made twice is told twice
                )
                for notify in ("none", "mentions", "all", "none", "mentions")
            )
        )
        request = c.GetChat(user=ann.id, chat=chat)
        mine = (await world.chats.call("get_chat", request, c.Chat, key=ann.id)).mine
        assert isinstance(mine, Mine)
        last = {"type": "mine", "chat": chat, "notify": mine.notify, "archived": True}
        for socket in (here, there):
            told = [await socket.hear_type("mine") for _ in range(5)]
            assert told[-1] == last


async def test_a_marker_of_a_socket_that_goes_is_stored(world: World) -> None:
    """Also if it waits for the previous batch."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.post(chat, ann, "one", "two", "three")
    async with world.connect(ben) as socket:
        await socket.say(read(chat, 2))
        await socket.say(read(chat, 4))
    await until_marker_is(world, chat, ben, 4)
