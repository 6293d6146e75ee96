"""The server's writes: an answer is sent as a whole or not at all."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from common.process import logs
from common.process.logs import LogWriter, log_request
from common.process.web import serving_app
from edge.http.joined_writes import WHOLE, JoinedWrites, Unsent, WholeAnswers

BODY = b"the body"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def arrived(client: socket.socket) -> bytes:
    """What the kernel has buffered for the client so far; does not consume it."""
    try:
        return client.recv(65_536, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


async def read_answer(client: socket.socket) -> bytes:
    async with asyncio.timeout(30):
        return await asyncio.get_running_loop().sock_recv(client, 65_536)


class App:
    """Answers with the body, and checks in between what the client has received."""

    def __init__(self, client: socket.socket, body_may_come: asyncio.Event | None = None) -> None:
        self._client, self._body_may_come = client, body_may_come
        self.between: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if self._body_may_come:
            await self._body_may_come.wait()
        self.between.append(arrived(self._client))
        await send({"type": "http.response.body", "body": BODY, "more_body": False})


def connected() -> tuple[socket.socket, socket.socket]:
    """A listener on loopback and a client that does not block."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    client.setblocking(False)
    return listener, client


@pytest.mark.parametrize(("request_bytes", "body"), [(GET, BODY), (HEAD, b""), (LAST, BODY)])
async def test_head_and_body_leave_together(request_bytes: bytes, body: bytes) -> None:
    """An edge killed before the body has sent no head, so the balancer may retry on another."""
    listener, client = connected()
    app = App(client)
    with client:
        async with serving_app(app, [listener], WholeAnswers):
            client.sendall(request_bytes)
            head, _, rest = (await read_answer(client)).partition(b"\r\n\r\n")
    assert app.between == [b""]
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest == body


async def answer_whole(scope: Any, receive: Any, send: Any) -> None:
    """Sends the same answer: at once if the server can, else in ASGI messages."""
    write = scope["extensions"][WHOLE]
    body = scope["raw_path"] + BODY
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    if b"x-plain" in dict(scope["headers"]) or not write(200, head, body):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
    elif write(200, head, body):
        raise AssertionError("an answer is sent once")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n", b"Expect: 100-continue\r\n"])
async def test_a_whole_answer_is_the_one_of_messages(method: bytes, more: bytes) -> None:
    """Identical byte for byte except for the date, on any kind of connection."""
    answers = []
    for plain in (b"", b"X-Plain: 1\r\n"):
        listener, client = connected()
        with client:
            async with serving_app(answer_whole, [listener], WholeAnswers):
                client.sendall(method + b" / HTTP/1.1\r\nHost: a\r\n" + more + plain + b"\r\n")
                answers.append(await read_answer(client))
    whole, by_messages = (re.sub(rb"date: [^\r]*", b"", answer) for answer in answers)
    assert whole == by_messages
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\n\r\n" + (b"" if method == b"HEAD" else b"/" + BODY))


async def test_whole_answers_to_pipelined_requests_keep_their_order() -> None:
    """Also when mixed with answers in ASGI messages."""
    listener, client = connected()
    plain = b"X-Plain: 1\r\n"
    requests = [
        b"GET /%d HTTP/1.1\r\nHost: a\r\n%b\r\n" % (place, more)
        for place, more in enumerate((b"", plain, b"", b"Connection: close\r\n"))
    ]
    with client:
        async with serving_app(answer_whole, [listener], WholeAnswers):
            client.sendall(b"".join(requests))
            answers = b""
            while more := await read_answer(client):
                answers += more
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert re.findall(rb"/\d" + BODY, answers) == [b"/%d" % place + BODY for place in range(4)]


class SlowLoop:
    """The parts of an event loop that a connection's timeout needs; the test sets the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> object:
        self.timers.append((self.now + seconds, callback))
        return callback

    def wait_until(self, moment: float) -> None:
        while self.timers and self.timers[0][0] <= moment:
            self.now, end = self.timers.pop(0)
            end()
        self.now = moment


class Wire(asyncio.Transport):
    """A transport without a peer."""

    is_closed = False

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def resume_reading(self) -> None:
        """It never paused."""


def test_a_connection_that_is_idle_for_long_ends() -> None:
    """Counted from the end of its last answer, never while one is pending; with a single timer."""
    config = uvicorn.Config(App, http=WholeAnswers, ws="none", lifespan="off", log_config=None)
    config.load()
    config.timeout_keep_alive = 75
    loop, wire = SlowLoop(), Wire()
    protocol = WholeAnswers(config, ServerState(), {}, cast("asyncio.AbstractEventLoop", loop))
    protocol.connection_made(wire)
    protocol.on_response_complete()
    loop.wait_until(70)
    protocol.data_received(b"GET / HTTP/1.1\r\n")
    loop.wait_until(71)
    protocol.on_response_complete()
    assert len(loop.timers) == 1
    loop.wait_until(145)
    assert not wire.is_closed
    protocol.data_received(b"Host: a\r\n")
    loop.wait_until(1_000)
    assert not wire.is_closed
    protocol.on_response_complete()
    loop.wait_until(1_074)
    assert not wire.is_closed
    loop.wait_until(1_075)
    assert wire.is_closed


class LoggedWire(Wire):
    """Records the content of the log at each write."""

    def __init__(self, log_file: Path) -> None:
        super().__init__()
        self.log_file, self.logged = log_file, b""

    def writelines(self, _: Any) -> None:
        self.logged = self.log_file.read_bytes()


async def test_answers_leave_after_their_lines_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All lines of a turn are formatted later and written at once, before its first answer."""
    first, second = (LoggedWire(tmp_path / "log") for _ in range(2))
    unsent = Unsent(asyncio.get_running_loop())
    with closing(LogWriter("edge", "edge-1", first.log_file)) as writer:
        monkeypatch.setattr(logs._output, "writer", writer)
        for wire, status in ((first, 201), (second, 404)):
            JoinedWrites(wire, unsent).write(BODY)
            log_request(status=status)
        await asyncio.sleep(0)
    for wire in (first, second):
        assert b'"status":201' in wire.logged
        assert b'"status":404' in wire.logged


async def test_what_is_written_is_not_kept_until_more_comes() -> None:
    """The head of a slow body is sent before it."""
    listener, client = connected()
    body_may_come = asyncio.Event()
    with client:
        async with serving_app(App(client, body_may_come), [listener], WholeAnswers):
            client.sendall(GET)
            assert (await read_answer(client)).endswith(b"\r\n\r\n")
            body_may_come.set()
            assert await read_answer(client) == BODY


async def test_two_requests_at_once_are_answered_in_order() -> None:
    """Pipelined (RFC 9112, section 9.3.2): two whole answers."""
    listener, client = connected()
    with client:
        async with serving_app(App(client), [listener], WholeAnswers):
            client.sendall(GET + LAST)
            answers = b""
            while more := await read_answer(client):
                answers += more
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answers.endswith(BODY)


def test_a_client_that_goes_before_its_answer_is_no_error() -> None:
    """The client has gone before the answer is sent; on the event loop that edge uses."""
    errors: list[Any] = []

    async def run() -> None:
        listener, client = connected()
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        begun, may_answer = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.set()
            await may_answer.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": BODY, "more_body": False})

        async with serving_app(app, [listener], WholeAnswers):
            client.sendall(GET)
            async with asyncio.timeout(30):
                await begun.wait()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # by a reset, which is read after the app has been woken
            may_answer.set()
            await asyncio.sleep(0.05)

    uvloop.run(run())
    assert errors == []
