"""Joining and leaving while connected, at their exact seq, on every path."""

import asyncio

from tests.contract.realtime.conftest import World


async def test_a_new_chat_comes_to_all_participants_that_are_connected(world: World) -> None:
    """Initial participants get `chat.created` with seq 1, then the rest."""
    ann, ben = await world.make_people(2)
    async with world.connect(ann) as a, world.connect(ben) as b:
        chat = await world.make_chat(ann, ben)
        await world.post(chat, ann, "hello")
        history = await world.events(chat, ann)
        assert await a.hear_until(2) == history
        assert await b.hear_until(2) == history
        assert history[0]["type"] == "chat.created"


async def test_who_is_added_gets_a_snapshot_and_then_everything(world: World) -> None:
    """The added user gets `chat.created` with the seq of the addition; the others get the
    addition."""
    ann, ben, eve = await world.make_people(3)
    chat = await world.make_chat(ann, ben)
    await world.post(chat, ann, "before")
    async with world.connect(ben) as b, world.connect(eve) as e, world.connect(eve) as e2:
        await world.add(chat, ann, eve)
        await world.post(chat, ann, "after")
        for socket in (e, e2):
            snapshot, message = await socket.hear_until(4)
            assert (snapshot["type"], snapshot["seq"]) == ("chat.created", 3)
            assert snapshot["participants"] == [ben.id, ann.id, eve.id]
            assert message["message"] == "after"
        added, message = await b.hear_until(4)
        assert (added["type"], added["seq"], added["users"]) == ("participant.added", 3, [eve.id])


async def test_who_is_removed_gets_nothing_above_their_removal(world: World) -> None:
    """`participant.removed` is the last event for the removed user; the others continue."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    async with world.connect(ann) as a, world.connect(ben) as b:
        await world.remove(chat, ann, ben)
        await world.post(chat, ann, "without ben")
        assert [e["type"] for e in await a.hear_until(3)] == ["participant.removed", "message"]
        assert (await b.hear_event())["type"] == "participant.removed"
        await b.say({"type": "typing", "chat": chat})
        assert await b.hear_nothing_more() == []
        assert await a.hear_nothing_more() == []


async def test_removed_and_added_again_hears_from_the_second_join_on(world: World) -> None:
    """Messages in between are not delivered; the snapshot has the seq of the second join."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    async with world.connect(ben) as b:
        await world.remove(chat, ann, ben)  # 2
        await world.post(chat, ann, "in between")  # 3
        await world.add(chat, ann, ben)  # 4
        await world.post(chat, ann, "again")  # 5
        heard = [(event["type"], event["seq"]) for event in await b.hear_until(5)]
        assert heard == [("participant.removed", 2), ("chat.created", 4), ("message", 5)]


async def test_a_deleted_chat_says_so_once(world: World) -> None:
    """`chat.deleted` is the last event, also of a chat that no one else on the node subscribed
    to."""
    ann, ben = await world.make_people(2)
    async with world.connect(ben) as b:
        chat = await world.make_chat(ann, ben)
        await world.delete(chat, ann)
        heard = [(event["type"], event["seq"]) for event in await b.hear_until(2)]
        assert heard == [("chat.created", 1), ("chat.deleted", 2)]
        await asyncio.sleep(1.2)  # the digest repeats the join, which is stale by now
        assert await b.hear_nothing_more() == []


async def test_many_chats_made_at_once_all_arrive(world: World) -> None:
    """Twenty chats created in parallel with messages in them: each is received from its first
    event."""
    ann, ben = await world.make_people(2)
    async with world.connect(ben) as b:

        async def make() -> str:
            chat = await world.make_chat(ann, ben)
            await world.post(chat, ann, "1", "2", "3")
            return chat

        chats = await asyncio.gather(*(make() for _ in range(20)))
        seqs: dict[str, list[int]] = {chat: [] for chat in chats}
        while any(len(heard) < 4 for heard in seqs.values()):
            event = await b.hear_event()
            seqs[event["chat"]].append(event["seq"])
        assert all(heard == [1, 2, 3, 4] for heard in seqs.values())
