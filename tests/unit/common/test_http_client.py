"""The client for calls between services, with servers that answer in every way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from common.calls import http_client
from common.calls.http_client import HttpClient, Response

OK = b"HTTP/1.1 200 OK\r\nX-Name: value\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """`talk` serves a connection, which is closed when it returns."""

    def __init__(self) -> None:
        self.talk: Talk = say(OK)
        self.connections = 0
        self.asked: list[bytes] = []
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
                self.asked.append(head + await reader.readexactly(int(length or 0)))
                await self.talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()


def say(*parts: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.005)

    return talk


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def server_and_client() -> AsyncIterator[tuple[Server, HttpClient]]:
    server, client = Server(), HttpClient()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.address = f"{host}:{port}"
    try:
        yield server, client
    finally:
        client.close()
        listening.close()


async def until_nothing_is_idle(client: HttpClient) -> None:
    """Waits until the client has noticed that the server has closed."""
    async with asyncio.timeout(30):
        while any(client._idle.values()):  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0.005)


async def ask(server: Server, client: HttpClient) -> Response:
    return await asyncio.wait_for(client.get(server.address, "/a"), 30)


async def test_a_request_and_its_answer() -> None:
    """The bytes that are sent, and the answer that is parsed."""
    async with server_and_client() as (server, client):
        answered = await client.post(server.address, "/calls/a", b"{}", {"Trace": "1"})
        assert answered == Response(200, {b"x-name": b"value", b"content-length": b"2"}, b"ok")
        assert server.asked == [
            f"POST /calls/a HTTP/1.1\r\nHost: {server.address}\r\nTrace: 1\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode()
        ]


async def test_one_connection_serves_one_after_the_other_and_not_two_at_once() -> None:
    """Connections are persistent, and never shared by two concurrent requests."""
    async with server_and_client() as (server, client):
        for _ in range(3):
            await ask(server, client)
        assert server.connections == 1
        await asyncio.gather(*(ask(server, client) for _ in range(3)))
        assert server.connections == 3


@pytest.mark.parametrize(
    "parts",
    [
        [OK[i : i + 1] for i in range(len(OK))],
        [
            b"HTTP/1.1 200 OK\r\nX-Name: value\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n",
            b"1\r\nk\r\n",
            b"0\r\n\r\n",
        ],
    ],
)
async def test_an_answer_may_come_in_pieces(parts: list[bytes]) -> None:
    """One byte at a time, or in chunks."""
    async with server_and_client() as (server, client):
        server.talk = say(*parts)
        for _ in range(2):
            answered = await ask(server, client)
            assert (answered.status, answered.body) == (200, b"ok")
            assert answered.headers[b"x-name"] == b"value"


@pytest.mark.parametrize("nonsense", [b"hello\r\n\r\n", b"HTTP/1.1 2", b"", OK[:-1]])
async def test_no_whole_answer_is_an_error(nonsense: bytes) -> None:
    """Neither nonsense nor a truncated answer reaches the caller, and the next call works."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(nonsense)(reader, writer)
        writer.close()

    async with server_and_client() as (server, client):
        server.talk = talk
        with pytest.raises(ConnectionError):
            await ask(server, client)
        server.talk = say(OK)
        assert (await ask(server, client)).body == b"ok"


async def test_a_connection_that_was_ended_meanwhile_is_not_used() -> None:
    """The server closes it while it is idle."""

    async def answer_and_hang_up(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await say(OK)(reader, writer)
        writer.close()

    async with server_and_client() as (server, client):
        server.talk = answer_and_hang_up
        for _ in range(3):
            assert (await ask(server, client)).body == b"ok"
            await until_nothing_is_idle(client)
        assert server.connections == 3


async def test_nothing_is_kept_of_an_address_without_connections() -> None:
    """Replicas come and go, each at another address."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with server_and_client() as (server, client):
        await asyncio.gather(*(ask(server, client) for _ in range(3)))
        assert list(client._idle) == [server.address]
        for connection in client._idle[server.address]:
            connection.abort()
        await until_nothing_is_idle(client)
        assert client._idle == {}
        server.talk = hang_up
        with pytest.raises(ConnectionError):
            await ask(server, client)
        with pytest.raises(OSError, match="Connect call failed"):
            await client.get("127.0.0.1:1", "/a")
        assert client._idle == {}


async def test_a_last_answer_and_one_too_many_end_the_connection() -> None:
    """`Connection: close`, and an unrequested answer."""
    async with server_and_client() as (server, client):
        for last in (OK.replace(b"X-Name: value", b"Connection: close"), OK + OK):
            server.talk = say(last)
            assert (await ask(server, client)).body == b"ok"
            await until_nothing_is_idle(client)
        await ask(server, client)
        assert server.connections == 3


async def test_an_idle_connection_is_not_used_when_it_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server may be about to close it."""
    async with server_and_client() as (server, client):
        await ask(server, client)
        monkeypatch.setattr(http_client, "MAX_IDLE_SECONDS", 0.01)
        await asyncio.sleep(0.02)
        await ask(server, client)
        assert server.connections == 2


async def test_a_late_answer_goes_to_nobody() -> None:
    """A request that timed out ends its connection, so the next one gets its own answer."""

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(OK.replace(b"ok", b"no"))

    async with server_and_client() as (server, client):
        server.talk = late
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await ask(server, client)
        server.talk = say(OK)
        for _ in range(3):
            assert (await ask(server, client)).body == b"ok"
            await asyncio.sleep(0.03)


async def test_nobody_there_is_an_error() -> None:
    """No listener, or one that hangs up."""
    async with server_and_client() as (server, client):
        with pytest.raises(ConnectionRefusedError):
            await client.get("127.0.0.1:1", "/")
        server.talk = hang_up
        with pytest.raises(ConnectionError):
            await ask(server, client)


async def test_a_closed_client_fails_what_is_under_way_and_what_comes() -> None:
    """No call waits for a client that is closed."""
    async with server_and_client() as (server, client):
        await ask(server, client)
        asked = asyncio.Event()

        async def say_nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
            asked.set()

        server.talk = say_nothing
        asking = asyncio.create_task(ask(server, client))
        await asked.wait()
        client.close()
        with pytest.raises(ConnectionError):
            await asking
        with pytest.raises(ConnectionError):
            await ask(server, client)
