"""The subscriber on a real Valkey."""

import asyncio

import pytest

from common.valkey import bus as bus_module
from common.valkey.bus import Bus
from tests.fixtures.servers import ValkeyServer

TOPICS = 200_000


async def test_a_bus_with_very_many_topics_comes_up(
    valkey: ValkeyServer, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subscribing takes much longer than a PING may, and does not mean that the connection is
    dead."""
    monkeypatch.setattr(bus_module, "HEALTH_SECONDS", 0.02)
    changes: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
    bus = Bus(valkey.url)
    for number in range(TOPICS):
        bus.subscribe(f"{topic_prefix}{number}")
    running = asyncio.create_task(
        bus.run(lambda _: None, lambda *change: changes.put_nowait(change))
    )
    try:
        assert await asyncio.wait_for(changes.get(), 30) == (True, "")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
