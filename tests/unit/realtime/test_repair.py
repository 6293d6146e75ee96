"""Repair of a room with a gap that can no longer be filled."""

import asyncio
import sys

import msgspec

from common.protocol.chats import Control, Slice
from common.protocol.payload import Payload
from realtime.counters import Counters
from realtime.fan_out.delivery import Delivery
from realtime.fan_out.hub import Hub
from realtime.fan_out.repair import Repair
from tests.fixtures.ears import Ear


async def test_who_cannot_be_told_what_they_missed_is_sent_away() -> None:
    """A node was cut off until a chat was deleted and being purged. Users may have been removed in
    the missing part, so no socket gets what is left: each reconnects and resumes."""
    close = Control(seq=20, action="close", users=[])

    async def fetch(chat: str, after: int) -> Slice:
        return Slice(
            chat=chat, after=after, events=[msgspec.Raw(b"the end")], controls=[close], head=20,
            first=20,
        )  # fmt: skip

    hub, counters = Hub(lambda: 0.0), Counters()
    delivery = Delivery(hub, counters)
    repair = Repair(fetch, delivery.take, delivery.abandon, asyncio.ensure_future, counters)
    room, ear = hub.open_room("chat", 5), Ear("ann")
    hub.attach(ear, room)
    early = Payload(10, 1, [], b"too early")
    assert room.stream.offer(early) == ()
    await repair.reach(room, 20)
    assert ear.lines == []
    assert room.stream.offer(early) == ()  # what waited for the gap is not kept
    assert not room.stream.is_behind
    assert sys.getrefcount(early) == 2
    assert ear.is_sent_away
    assert room.is_closed
