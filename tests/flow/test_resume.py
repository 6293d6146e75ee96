"""A device that reconnects receives exactly what it missed, or is told to fetch it."""

import asyncio

from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice


async def test_what_was_missed_is_replayed(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """From the cursor on, in order, over the socket."""
    chat = await ann.create_chat("talk", ben.id)
    async with make_device(ben) as bens:
        await bens.until_seq(chat, 1)
        async with bens.away():
            for number in range(20):
                await ann.post(chat, f"while Ben was away {number}")
        await bens.until_seq(chat, 21)
        assert bens.ready is not None
        assert bens.ready["behind"] == []
        assert bens.ready["chats"][chat] == 21
    assert bens.applied(chat) == await ben.events(chat)


async def test_200_missed_events_are_replayed_and_far_more_are_named(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """`behind` never names a chat that misses at most 200 events; a large gap is fetched by
    REST."""
    chat = await ann.create_chat("busy", ben.id)
    async with make_device(ben) as bens:
        await bens.until_seq(chat, 1)
        async with bens.away():
            await asyncio.gather(*(ann.post(chat, f"message {n}") for n in range(200)))
        await bens.until_seq(chat, 201)
        assert bens.ready is not None
        assert bens.ready["behind"] == []
        async with bens.away():
            for _ in range(6):
                await asyncio.gather(*(ann.post(chat, "x" * 8000) for _ in range(40)))
        await bens.until_seq(chat, 441)
        assert bens.ready["behind"] == [chat]
        assert (await ann.post(chat, "and on it goes")).status == 201
        await bens.until_seq(chat, 442)
    assert bens.applied(chat) == await ben.events(chat)


async def test_a_cursor_above_the_head_is_named(ann: Person, make_device: MakeDevice) -> None:
    """The client resets it."""
    chat = await ann.create_chat("talk")
    async with make_device(ann) as device:
        await device.until_seq(chat, 1)
        device.cursors[chat] = 1_000
        await device.drop()
        await device.until(
            lambda device: device.ready is not None and chat in device.ready["behind"]
        )
        await device.until(lambda device: device.cursors[chat] == 1)


async def test_another_epoch_ignores_the_cursors(ann: Person, make_device: MakeDevice) -> None:
    """After a restore of the database cursors are meaningless: the chat starts at its head."""
    chat = await ann.create_chat("talk")
    for number in range(3):
        await ann.post(chat, f"message {number}")
    async with make_device(ann) as device:
        await device.until_seq(chat, 4)
        device.cursors[chat] = 1
        device.epoch = "another"
        await device.drop()
        await device.until(lambda device: device.connection > 1 and device.ready is not None)
        await device.until_seq(chat, 4)
        assert (await ann.post(chat, "live")).status == 201
        await device.until_seq(chat, 5)


async def test_a_stranger_learns_nothing_by_resume(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """Chats in `resume` of which the user is not a participant are ignored."""
    chat = await ann.create_chat("private")
    async with make_device(ben) as bens:
        await bens.until_ready()
        bens.cursors[chat] = 0
        await bens.drop()
        await bens.until(lambda device: device.connection > 1 and device.ready is not None)
        assert bens.ready is not None
        assert chat not in bens.ready["chats"]
        assert chat not in bens.ready["behind"]
        assert bens.applied(chat) == []
