"""The connections to Valkey on the event loop that services run on, with a real server."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest
import uvloop

from common.process.tasks import stop
from common.valkey.bus import Bus
from common.valkey.client import VALKEY_GONE, Client, connect_valkey
from common.valkey.pipeline import ValkeyPipeline
from common.valkey.valkey import Valkey
from tests.fixtures.busy import BUSY
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import ValkeyServer

SUBSCRIBERS = 100


async def fill_pool(client: Client) -> None:
    """Ten connections; on a busy machine they may take longer than a service waits."""
    async with asyncio.timeout(30):
        while True:
            try:
                await asyncio.gather(*(client.set("a", "b") for _ in range(10)))
            except VALKEY_GONE:
                continue
            return


def test_a_reset_connection_is_an_ordinary_failure(valkey: ValkeyServer) -> None:
    """Also on uvloop, a command on a pooled connection that was reset raises VALKEY_GONE."""
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
            await asyncio.sleep(0.05)  # the resets are in transit
            for _ in range(20):
                with pytest.raises(VALKEY_GONE):
                    await client.get("a")

    uvloop.run(use_it())


def test_leases_and_values_are_kept(valkey: ValkeyServer, topic_prefix: str) -> None:
    """A lease lasts for its time, wherever it is read, and is known for a while after; a value
    lasts until it expires."""

    async def use_it() -> None:
        with closing(Valkey(valkey.url, topic_prefix)) as one, closing(
            Valkey(valkey.url, topic_prefix)
        ) as other:  # fmt: skip
            for address, lasts_ms in (("a:1", 1), ("b:2", 50_000), ("b:2", 60_000)):
                assert await one.renew_lease("chats", address, lasts_ms)
            await asyncio.sleep(0.01)
            assert await other.list_leases("chats") == ["b:2"]
            found = await other.list_lease_ends("chats", 30_000)
            assert found is not None
            assert {a: end >= found.now_ms for a, end in found.ends.items()} == {
                "a:1": False, "b:2": True,
            }  # fmt: skip
            assert await other.withdraw_lease("chats", "b:2")
            assert await one.list_leases("chats") == []
            assert await one.list_leases("users") == []
            key = f"{topic_prefix}value"
            assert await one.get(key) is None
            assert await one.keep(key, b"a value", seconds=60)
            assert await other.get(key) == b"a value"

    uvloop.run(use_it())


def test_what_is_passed_on_has_arrived(valkey: ValkeyServer, topic_prefix: str) -> None:
    """The publisher learns this when every subscriber can read it, although it is answered
    first."""
    topic = f"{topic_prefix}topic"
    parts = urlsplit(valkey.url)

    async def use_it() -> None:
        with closing(Valkey(valkey.url, topic_prefix)) as publisher, ExitStack() as open_:
            subscribers = [
                open_.enter_context(socket.create_connection((parts.hostname, parts.port or 0)))
                for _ in range(SUBSCRIBERS)
            ]
            for subscriber in subscribers:
                subscriber.sendall(f"SUBSCRIBE {topic}\r\n".encode())
                assert subscriber.recv(1_000).endswith(b":1\r\n")
                subscriber.setblocking(False)
            for _ in range(10):
                assert await publisher.pass_on(topic, b"a notice")
                for subscriber in subscribers:
                    assert subscriber.recv(1_000).endswith(b"a notice\r\n")

    uvloop.run(use_it())


async def find_out_nothing(valkey: Valkey) -> None:
    async with asyncio.timeout(BUSY * 2):
        answers = await asyncio.gather(
            valkey.publish([("topic", b"")]),
            valkey.get("key"),
            valkey.keep("key", b"a value", seconds=60),
            valkey.list_leases("chats"),
            valkey.renew_lease("chats", "a:1", 1),
            valkey.withdraw_lease("chats", "a:1"),
            valkey.pass_on("topic", b""),
        )
    assert answers == [None, None, False, None, False, False, False]


def test_a_valkey_that_hangs_or_is_gone_raises_nothing(
    make_valkey: Callable[[], ValkeyServer],
) -> None:
    """After at most half a second the outcome is reported as unknown."""
    server = make_valkey()

    async def use_it() -> None:
        with closing(Valkey(server.url)) as valkey:
            assert await valkey.keep("key", b"a value", seconds=60)
            server.pause()
            await find_out_nothing(valkey)
            server.go_on()
            server.kill()
            await find_out_nothing(valkey)

    uvloop.run(use_it())


def test_a_unix_socket_is_an_address_like_any_other(
    make_valkey: Callable[[], ValkeyServer],
) -> None:
    """For the client, the pipeline and the bus; also when Valkey dies, and when it is back."""
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
                await asyncio.sleep(0.05)  # the ends are in transit
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
