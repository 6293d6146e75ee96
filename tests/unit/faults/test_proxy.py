"""The proxy treats connections according to its mode."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.fixtures.lossy_bus import LossyBus, end_of_reply
from tests.fixtures.proxy import Mode, Proxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OpenStreams = Callable[[], Awaitable[Streams]]


@pytest.fixture
async def open_streams(proxy: Proxy) -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    """Open connections through the proxy; they are closed with the test."""
    opened: list[Streams] = []

    async def open_one() -> Streams:
        host, port = proxy.address.split(":")
        opened.append(await asyncio.open_connection(host, int(port)))
        return opened[-1]

    yield open_one
    for _, writer in opened:
        writer.transport.abort()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy in front of a server that echoes each line."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line)
        except ConnectionError:
            pass  # a cut connection is what these tests are about
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def _echo(streams: Streams, timeout: float = 30.0) -> bytes:
    reader, writer = streams
    writer.write(b"hello\n")
    return await asyncio.wait_for(reader.readline(), timeout)


async def test_it_passes_bytes_both_ways(open_streams: OpenStreams) -> None:
    """By default it is transparent."""
    streams = await open_streams()
    assert await _echo(streams) == b"hello\n"


async def test_refusing_cuts_what_is_open_and_lets_nothing_in(
    proxy: Proxy, open_streams: OpenStreams
) -> None:
    """As if the machine behind it had died."""
    streams = await open_streams()
    await _echo(streams)
    await proxy.turn("refuse")
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(streams[0].readexactly(1), 30)
    with pytest.raises(ConnectionError):
        await open_streams()
    await proxy.turn("pass")
    again = await open_streams()
    assert await _echo(again) == b"hello\n"


@pytest.mark.parametrize("mode", ["stall", "stall answers"])
async def test_stalling_keeps_bytes_back_until_it_is_over(
    proxy: Proxy, open_streams: OpenStreams, mode: Mode
) -> None:
    """Nothing is lost, only late."""
    streams = await open_streams()
    await _echo(streams)
    await proxy.turn(mode)
    with pytest.raises(TimeoutError):
        await _echo(streams, timeout=0.2)
    await proxy.turn("pass")
    assert await asyncio.wait_for(streams[0].readline(), 30) == b"hello\n"


async def test_half_open_connections_look_alive_to_the_client(
    proxy: Proxy, open_streams: OpenStreams
) -> None:
    """The server's side is closed; the client's side gets no notice."""
    streams = await open_streams()
    await _echo(streams)
    await proxy.turn("half open")
    with pytest.raises(TimeoutError):
        await _echo(streams, timeout=0.3)
    await proxy.turn("pass")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(streams[0].readexactly(1), 30)


async def test_a_delay_is_added_each_way(proxy: Proxy, open_streams: OpenStreams) -> None:
    """A round trip takes at least twice the delay."""
    streams = await open_streams()
    await _echo(streams)
    proxy.delay_seconds = 0.1
    started = asyncio.get_running_loop().time()
    await _echo(streams)
    assert asyncio.get_running_loop().time() - started >= 0.2


def _push(topic: bytes, payload: bytes) -> bytes:
    return b"*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (
        len(topic), topic, len(payload), payload
    )  # fmt: skip


def test_replies_are_told_apart_wherever_they_are_cut() -> None:
    """Each kind of reply ends where the protocol defines it, and not before."""
    simple = (b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"$2\r\nhi\r\n", b"*0\r\n", b"%1\r\n+a\r\n:1\r\n")
    for reply in (*simple, _push(b"a", b"\r\n")):
        assert end_of_reply(reply + b"+next\r\n") == len(reply)
        assert all(end_of_reply(reply[:cut]) is None for cut in range(len(reply)))


def test_the_lossy_bus_loses_doubles_and_swaps_only_chat_messages() -> None:
    """Its counts match what is missing; everything else passes."""
    bus = LossyBus(0.1, random.Random(1))
    change = bus.make_filter()
    stream = b"".join(
        _push(b"{p1}chat:x", b"%d" % number) + _push(b"canary:n", b"c") + b":1\r\n"
        for number in range(1000)
    )
    out = b"".join(change(stream[at : at + 50]) for at in range(0, len(stream), 50))
    messages = out.count(b"chat:x")
    assert min(bus.lost, bus.doubled, bus.swapped) > 0
    assert messages in (1000 - bus.lost + bus.doubled, 999 - bus.lost + bus.doubled)
    assert out.count(b"canary:n") == out.count(b":1\r\n") == 1000
