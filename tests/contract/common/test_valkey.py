"""The client of Valkey on the loop that services run on, before a real server."""

import asyncio
from urllib.parse import urlsplit

import pytest
import uvloop

from common.valkey import VALKEY_GONE, Valkey, connect_valkey
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
