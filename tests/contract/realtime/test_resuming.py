"""`connect` with `resume`: what is replayed, what is named in `behind`, and no gap in between."""

import asyncio
from typing import Any

from common.protocol.ids import new_id
from tests.contract.realtime.conftest import World


async def test_what_was_missed_is_replayed_in_order(world: World) -> None:
    """From SEQ+1 to HEAD, then live, as the same objects as in history."""
    ann, ben = await world.make_people(2)
    chat, other = await world.make_chat(ann, ben), await world.make_chat(ann, ben)
    await world.post(chat, ann, *"abcdef")
    async with world.connect(ben, resume={chat: 3, other: 1}) as socket:
        assert socket.ready["chats"] == {chat: 7, other: 1}
        assert socket.ready["behind"] == []
        await world.post(chat, ann, "live")
        assert await socket.hear_until(8) == (await world.events(chat, ann))[3:]
        assert await socket.hear_nothing_more() == []


async def test_at_most_200_events_are_replayed(world: World) -> None:
    """A client that lacks 200 gets them; one that lacks 201 is told to fetch."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    for _ in range(3):
        await world.post(chat, ann, *("x" for _ in range(67)))  # the head is 202
    async with world.connect(ben, resume={chat: 2}) as socket:
        assert socket.ready["behind"] == []
        assert [e["seq"] for e in await socket.hear_until(202)] == list(range(3, 203))
    async with world.connect(ben, resume={chat: 1}) as socket:
        assert socket.ready["behind"] == [chat]
        await world.post(chat, ann, "live")
        assert (await socket.hear_event())["seq"] == 203


async def test_no_more_than_a_mebibyte_is_replayed_in_all(world: World) -> None:
    """Chats are replayed until the total is reached; the others are named in `behind`."""
    ann, ben = await world.make_people(2)
    chats = [await world.make_chat(ann, ben) for _ in range(6)]
    for chat in chats:
        await world.post(chat, ann, *("x" * 8000 for _ in range(25)))
    async with world.connect(ben, resume=dict.fromkeys(chats, 1)) as socket:
        assert len(socket.ready["behind"]) == 1
        for chat in set(chats) - set(socket.ready["behind"]):
            seqs = [event["seq"] for event in await socket.hear_until(26)]
            assert seqs == list(range(2, 27)), chat
        assert await socket.hear_nothing_more() == []


async def test_more_than_256_kib_of_one_chat_is_behind(world: World) -> None:
    """A gap of few but large events is not replayed."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.post(chat, ann, *("x" * 8000 for _ in range(40)))
    async with world.connect(ben, resume={chat: 1}) as socket:
        assert socket.ready["behind"] == [chat]


async def test_a_seq_above_the_head_is_behind(world: World) -> None:
    """The client's cursor is wrong: it must load that chat again."""
    (ann,) = await world.make_people(1)
    chat = await world.make_chat(ann)
    async with world.connect(ann, resume={chat: 9}) as socket:
        assert socket.ready["behind"] == [chat]


async def test_foreign_chats_in_resume_are_ignored(world: World) -> None:
    """One that does not exist, and one that the user has left, are neither replayed nor named."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.remove(chat, ann, ben)
    async with world.connect(ben, resume={chat: 1, new_id(): 0}) as socket:
        assert socket.ready["chats"] == {}
        assert socket.ready["behind"] == []
        assert await socket.hear_nothing_more() == []


async def test_another_epoch_makes_resume_void(world: World) -> None:
    """With the epoch of another database nothing is replayed; with the right one it is."""
    (ann,) = await world.make_people(1)
    chat = await world.make_chat(ann)
    await world.post(chat, ann, "x")
    async with world.connect(ann, resume={chat: 1}, epoch="another") as socket:
        assert socket.ready["behind"] == []
        assert await socket.hear_nothing_more() == []
        epoch = socket.ready["epoch"]
    async with world.connect(ann, resume={chat: 1}, epoch=epoch) as socket:
        assert (await socket.hear_event())["seq"] == 2


async def test_who_was_added_while_away_gets_the_snapshot_at_that_seq(world: World) -> None:
    """In a replay, too, the user's own joining is `chat.created` instead of `participant.added`."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann)
    await world.add(chat, ann, ben)
    async with world.connect(ben, resume={chat: 1}) as socket:
        event = await socket.hear_event()
        assert (event["type"], event["seq"]) == ("chat.created", 2)
        assert event["participants"] == [ann.id, ben.id]


async def test_joining_a_busy_chat_leaves_no_gap(world: World) -> None:
    """Sockets that connect while messages arrive receive every seq from HEAD+1, or SEQ+1, on."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)

    async def pour() -> None:
        for number in range(60):
            await world.post(chat, ann, f"{number}")

    async def listen(delay: float, seq: int | None) -> None:
        await asyncio.sleep(delay)  # so that they join at different moments
        fields: dict[str, Any] = {} if seq is None else {"resume": {chat: seq}}
        async with world.connect(ben, **fields) as socket:
            start = seq or socket.ready["chats"][chat]
            if start < 61:
                heard = [event["seq"] for event in await socket.hear_until(61)]
                assert heard == list(range(start + 1, 62))

    async with asyncio.TaskGroup() as group:
        group.create_task(pour())
        for number in range(12):
            group.create_task(listen(number * 0.02, 1 if number % 2 else None))
