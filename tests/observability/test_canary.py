"""A Valkey that seems healthy and carries nothing: canary, doctor and alert report it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.fixtures.busy import IS_AT_REST
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.lossy_bus import end_of_reply
from tests.fixtures.prometheus import running_prometheus
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import ValkeyServer
from tests.observability.talk import people_who_talk
from tests.observability.test_doctor import diagnose

PUSHED = (b"*3\r\n$7\r\nmessage\r\n", b">3\r\n$7\r\nmessage\r\n")
PATIENCE_SECONDS = 60.0


class MuteBus:
    """Passes answers and drops published messages once it is `mute`."""

    def __init__(self) -> None:
        self.is_mute = False

    def make_filter(self) -> Callable[[bytes], bytes]:
        unread = bytearray()

        def change(data: bytes) -> bytes:
            unread.extend(data)
            out = bytearray()
            while (end := end_of_reply(unread)) is not None:
                reply = bytes(unread[:end])
                del unread[:end]
                # The canary that a node publishes to itself passes: the bus seems healthy.
                if not (self.is_mute and reply.startswith(PUSHED) and b"chat:" in reply[:120]):
                    out += reply
            return bytes(out)

        return change


@pytest.fixture
async def mute_bus(valkey: ValkeyServer) -> AsyncIterator[tuple[MuteBus, str]]:
    """A bus that can be muted, and its URL."""
    bus, place = MuteBus(), urlsplit(valkey.url)
    async with Proxy(str(place.hostname), int(place.port or 0), bus.make_filter) as proxy:
        yield bus, f"redis://{proxy.address}"


async def read_canary(system: Hubbub) -> dict[str, float]:
    """The canary in the node's /health/ready; empty if it is not ready."""
    (node,) = system.processes("realtime")
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{node.metrics}/health/ready") as answer,
    ):
        assert answer.status == 200 or not IS_AT_REST
        return dict((await answer.json())["canary"]) if answer.status == 200 else {}


async def until_canary(system: Hubbub, is_so: Callable[[dict[str, float]], bool]) -> None:
    """Waits until the node is ready and its canary is so. On a busy machine it may be unready for a
    moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ((canary := await read_canary(system)) and is_so(canary)):
        assert time.monotonic() < deadline, canary
        await asyncio.sleep(0.5)


async def test_a_bus_that_carries_nothing_is_noticed(
    tmp_path: Path, mute_bus: tuple[MuteBus, str]
) -> None:
    """The node stays ready and polls, its canary's silence grows, doctor and alert report it,
    messages still arrive; when the bus carries again, the canary is back."""
    bus, url = mute_bus
    replicas = "edge=1,realtime=1,users=1,chats=1"
    async with Hubbub(
        tmp_path / "data", valkey_url=url, replicas=replicas, topic_prefix="mute:"
    ) as system:
        with running_prometheus(
            tmp_path / "prometheus", system.data / "run" / "targets.json"
        ) as prometheus:
            await until_canary(system, lambda canary: canary["lastSeconds"] > 0)
            bus.is_mute = True
            async with people_who_talk(system.origin):
                await until_canary(system, lambda canary: canary["silentSeconds"] > 14)
                alert = 'ALERTS{alertname="MessagesDoNotFlow"}'
                async with asyncio.timeout(PATIENCE_SECONDS):
                    # In a thread: what the bus does carry passes through this loop.
                    while not await asyncio.to_thread(prometheus.query, alert):  # noqa: ASYNC110
                        await asyncio.sleep(0.5)
            deadline = time.monotonic() + PATIENCE_SECONDS
            # On a busy machine it may find more just after the talk.
            while (wrong := await diagnose(system, with_deaths=True)).keys() != {14, 18}:
                assert time.monotonic() < deadline, wrong
            assert "The canary of realtime-1 has not come back" in wrong[14]
            assert "canary_missing" in wrong[18]
            bus.is_mute = False
            await until_canary(system, lambda canary: canary["silentSeconds"] < 5)
