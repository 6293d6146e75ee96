"""The client of Valkey on the loop that services run on, before a real server."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import uvloop

from common.process.tasks import stop
from common.valkey.bus import Bus
from common.valkey.client import VALKEY_GONE, Valkey, connect_valkey
from common.valkey.pipeline import ValkeyPipeline
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import ValkeyServer


async def fill_pool(client: Valkey) -> None:
    """Ten connections; a machine that is busy may take longer over them than a service waits."""
    async with asyncio.timeout(10):
        while True:
            try:
                await asyncio.gather(*(client.set("a", "b") for _ in range(10)))
            except VALKEY_GONE:
                continue
            return


def test_a_reset_connection_is_an_ordinary_failure(valkey: ValkeyServer) -> None:
    """On uvloop, too, a command on a pooled connection that was reset raises VALKEY_GONE."""
    parts = urlsplit(valkey.url)
    assert parts.hostname
    assert parts.port
    host, port = parts.hostname, parts.port

    async def use_it() -> None:
        async with (
            Proxy(host, port) as proxy,
            connect_valkey(f"redis://{proxy.address}") as client,
        ):
            await fill_pool(client)
            await proxy.turn("refuse")
            await asyncio.sleep(0.05)  # the resets are on their way
            for _ in range(20):
                with pytest.raises(VALKEY_GONE):
                    await client.get("a")

    uvloop.run(use_it())


def test_a_unix_socket_is_an_address_like_any_other(
    make_valkey: Callable[[], ValkeyServer],
) -> None:
    """For the client, the line and the bus; also when Valkey dies, and when it is back."""
    server = make_valkey()
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def hear(messages: list[list[bytes]]) -> None:
        for _, _, payload in messages:
            heard.put_nowait(payload)

    async def use_it() -> None:
        line = ValkeyPipeline(server.local_url)
        bus = Bus(server.local_url)
        bus.subscribe("topic")
        running = asyncio.create_task(bus.run(hear, lambda *_: None))
        async with connect_valkey(server.local_url) as client, asyncio.timeout(20):
            await fill_pool(client)
            for _ in range(2):
                while heard.empty():
                    await line.ask([("PUBLISH", "topic", "a word")])
                    await asyncio.sleep(0.05)
                assert await heard.get() == b"a word"
                assert await client.get("a") == b"b"
                server.kill()
                await asyncio.sleep(0.05)  # the ends are on their way
                for _ in range(20):
                    with pytest.raises(VALKEY_GONE):
                        await client.get("a")
                assert await line.ask([("PING",)]) is None
                server.start()
                await fill_pool(client)
                while not heard.empty():
                    heard.get_nowait()
        line.close()
        await stop([running])

    uvloop.run(use_it())
