"""The server of internal ports, with clients that send raw bytes, valid and invalid."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from common.calls import http_server
from common.calls.http_server import Request, Response, serving_http

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Name: value\r\n\r\n"
END_OF_HEAD = b"\r\n\r\n"


class Server:
    """`gate` delays requests for /slow."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.finished: list[str] = []
        self.gate = asyncio.Event()
        self.was_asked = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self._stack = AsyncExitStack()

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        self.was_asked.set()
        if request.path == "/slow":
            await self.gate.wait()
        if request.path == "/bug":
            raise ZeroDivisionError
        self.finished.append(request.path)
        return Response(200, request.path.encode(), "text/plain", {"X-Echo": request.method})

    async def start(self) -> None:
        await self._stack.enter_async_context(serving_http(self.handle, self._listener))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self._address)

    async def ask(self, *parts: bytes) -> bytes:
        """Everything received until the server closes the connection."""
        reader, writer = await self.dial()
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.01)
        said = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return said


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    one = Server()
    await one.start()
    try:
        yield one
    finally:
        one.gate.set()
        await one.stop()


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(END_OF_HEAD), 30)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def test_an_answer_is_http_and_the_connection_stays() -> None:
    """The exact bytes of the answer, twice on one connection."""
    async with server() as one:
        reader, writer = await one.dial()
        for _ in range(2):
            writer.write(GET)
            assert await read_answer(reader) == (
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Echo: GET\r\n"
                b"Content-Length: 2\r\n\r\n/a"
            )
        writer.close()
        assert one.seen[0] == Request("GET", "/a", "b=c", {b"host": b"x", b"x-name": b"value"}, b"")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /a HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
)
async def test_a_body_may_come_in_any_pieces(request_bytes: bytes) -> None:
    """With a length or in chunks, at once or a byte at a time."""
    async with server() as one:
        for size in (1, 7, len(request_bytes)):
            pieces = [request_bytes[i : i + size] for i in range(0, len(request_bytes), size)]
            assert (await one.ask(*pieces)).endswith(
                b"Connection: close\r\nContent-Length: 2\r\n\r\n/a"
            )
        assert [request.body for request in one.seen] == [b"hello"] * 3


async def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    """One is served at a time, the others wait."""
    async with server() as one:
        reader, writer = await one.dial()
        writer.write(b"".join(f"GET /{n} HTTP/1.1\r\n\r\n".encode() for n in ("slow", "2", "3")))
        await one.was_asked.wait()
        await asyncio.sleep(0.05)
        assert [request.path for request in one.seen] == ["/slow"]
        one.gate.set()
        for n in ("slow", "2", "3"):
            assert (await read_answer(reader)).endswith(f"/{n}".encode())
        writer.write(GET)  # it keeps reading
        assert (await read_answer(reader)).endswith(b"/a")
        writer.close()


@pytest.mark.parametrize("nonsense", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET /\x00"])
async def test_what_is_not_http_is_refused(nonsense: bytes) -> None:
    """400, and the handler does not see it."""
    async with server() as one:
        assert (await one.ask(nonsense)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert one.seen == []


async def test_an_upgrade_is_not_offered() -> None:
    """Answered as if it were not requested, and nothing after it is read."""
    async with server() as one:
        said = await one.ask(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert said.endswith(b"Connection: close\r\nContent-Length: 1\r\n\r\n/")


async def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that is too long: 431; a body: 413."""
    monkeypatch.setattr(http_server, "MAX_BODY_BYTES", 100)
    async with server() as one:
        said = await one.ask(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + END_OF_HEAD)
        assert said.startswith(b"HTTP/1.1 431 ")
        said = await one.ask(b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", b"x" * 101)
        assert said.startswith(b"HTTP/1.1 413 ")
        assert one.seen == []


async def test_who_does_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle one and one that never completes a request; not one that waits for an answer."""
    for name, seconds in (("IDLE", 0.1), ("REQUEST", 0.1)):
        monkeypatch.setattr(http_server, f"MAX_{name}_SECONDS", seconds)
    monkeypatch.setattr(http_server, "SWEEP_SECONDS", 0.02)
    async with server() as one:
        assert await one.ask() == b""
        assert await one.ask(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe") == b""
        reader, writer = await one.dial()
        writer.write(b"GET /slow HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.3)
        one.gate.set()
        assert (await read_answer(reader)).endswith(b"/slow")
        writer.close()


async def test_a_stop_lets_requests_finish_and_ends_the_idle() -> None:
    """The last answer on a connection says that it is the last."""
    async with server() as one:
        idle, idle_writer = await one.dial()
        busy, busy_writer = await one.dial()
        busy_writer.write(b"GET /slow HTTP/1.1\r\n\r\n")
        await one.was_asked.wait()
        stopping = asyncio.create_task(one.stop())
        assert await asyncio.wait_for(idle.read(), 30) == b""
        assert not stopping.done()
        one.gate.set()
        said = await asyncio.wait_for(busy.read(), 30)
        assert said.endswith(b"Connection: close\r\nContent-Length: 5\r\n\r\n/slow")
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await one.dial()
        idle_writer.close()
        busy_writer.close()


async def test_what_has_begun_is_finished_for_nobody() -> None:
    """A caller that disconnects does not stop a change half way."""
    async with server() as one:
        _, writer = await one.dial()
        writer.write(b"GET /slow HTTP/1.1\r\n\r\n")
        await one.was_asked.wait()
        writer.transport.abort()
        await asyncio.sleep(0.05)
        one.gate.set()
        async with asyncio.timeout(30):
            while one.finished != ["/slow"]:  # noqa: ASYNC110 - polls a list
                await asyncio.sleep(0.01)


async def test_a_bug_of_a_handler_ends_its_connection_only() -> None:
    """Its exception is not swallowed, and others are served."""
    async with server() as one:
        told = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda *_: told.set())
        assert await one.ask(b"GET /bug HTTP/1.1\r\n\r\n") == b""
        gc.collect()
        assert told.is_set()
        assert (await one.ask(GET.replace(b"X-Name: value", b"Connection: close"))).endswith(b"/a")
