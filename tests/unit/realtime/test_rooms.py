"""What a node keeps of chats during an outage."""

import asyncio
import gc
from collections.abc import Coroutine
from contextlib import closing
from typing import Any

import pytest

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.process.tasks import stop
from common.protocol.ids import new_id
from common.valkey.bus import Bus
from common.valkey.topics import Topics
from realtime.counters import Counters
from realtime.fan_out.delivery import Delivery
from realtime.fan_out.hub import Hub, Room
from realtime.fan_out.repair import Repair
from realtime.fan_out.rooms import Rooms
from realtime.fan_out.upstream import Chats


def forget(work: Coroutine[Any, Any, None]) -> None:
    work.close()


def count_rooms() -> int:
    gc.collect()
    return sum(isinstance(one, Room) for one in gc.get_objects())


async def test_a_room_that_was_dropped_is_gone_while_the_bus_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Users come and go while Valkey is down: nothing of their chats is kept."""
    monkeypatch.setattr("realtime.fan_out.rooms.RETRY_SECONDS", 0.001)
    hub, counters = Hub(lambda: 0.0), Counters()
    delivery, replicas = Delivery(hub, counters), Replicas("chats", ())
    with closing(HttpClient()) as http:
        chats = Chats(Calls(http, replicas), replicas)
        repair = Repair(chats.slice, delivery.take, delivery.abandon, forget, counters)
        rooms = Rooms(hub, Bus("redis://127.0.0.1:1"), Topics(), chats, repair)
        before = count_rooms()
        confirming = asyncio.create_task(rooms.confirm())
        for _ in range(3):
            for _ in range(100):
                rooms.open(new_id(), 1)
            await asyncio.sleep(0.02)
            for room in rooms.find_all():
                rooms.drop(room)
        del room
        async with asyncio.timeout(30):
            while count_rooms() > before:  # noqa: ASYNC110 - waits for garbage collection
                await asyncio.sleep(0.02)
        await stop([confirming])
