"""HTTP/1.1 for internal ports: reads requests, passes them on whole, writes answers.

A call between services costs less than with an ASGI server (docs/decisions/calls.md). httptools
does the framing; the handler decides what a request means. Knows no routes. Not for the internet:
edge and its balancer face that.
"""

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from common.process.logs import log
from common.process.rest import NEVER, Rest

BACKLOG: Final = 2048
MAX_HEAD_BYTES: Final = 65_536  # of a request's line and headers
MAX_BODY_BYTES: Final = 64 * 2**20  # a full batch of the longest messages, fully escaped
MAX_IDLE_SECONDS: Final = 40.0  # longer than any of our clients keeps a connection
MAX_REQUEST_SECONDS: Final = 20.0  # from its first byte to its last
SWEEP_SECONDS: Final = 5.0
STOP_SECONDS: Final = 20.0  # for requests that are being served at the end
FLUSH_SECONDS: Final = 1.0  # for the peer to read the last answers

caller_has_left: Final[ContextVar[Callable[[], bool]]] = ContextVar(
    "caller_has_left", default=lambda: False
)
"""Whether the connection of the current request has ended: nobody will read the answer."""

_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}


class Request(NamedTuple):
    """`headers` have lower-case names; of a repeated header the last value counts."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    body: bytes


class Response(NamedTuple):
    """`headers` are those besides the body's type and length."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}


Handle = Callable[[Request], Awaitable[Response]]
"""Must not raise: an exception ends the connection without an answer."""


class _Connection(asyncio.Protocol):
    """One connection, whose requests are answered in order. httptools calls `on_…`."""

    def __init__(self, server: "_Server") -> None:
        self._server = server
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[Request, bool]] = deque()  # and whether more may follow
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False
        self._is_paused = False
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._head_bytes = self._body_bytes = 0
        self._is_within_request = False
        self.since = 0.0  # when it became idle, or its request began

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.since = asyncio.get_running_loop().time()
        self._server.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        # Requests being served continue: a change must not stop half way.
        self._transport = None
        self._is_ending = True
        self._waiting.clear()
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._is_ending:
            return
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError:
            raise  # a bug of ours
        except HttpParserUpgrade:
            self._is_ending = True  # not supported: answer the request, read nothing behind it
        except HttpParserError:
            self._refuse(400)

    def on_message_begin(self) -> None:
        self._url, self._headers, self._parts = b"", {}, []
        self._head_bytes = self._body_bytes = 0
        self._is_within_request = True
        self.since = asyncio.get_running_loop().time()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value
        self._count_head(len(name) + len(value))

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > MAX_BODY_BYTES:
            self._refuse(413)
        else:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        self._is_within_request = False
        if self._is_ending:
            return
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=path,
            query=query,
            headers=self._headers,
            body=body,
        )
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
            self._server.tasks.add(self._task)
        elif self._transport is not None and not self._is_paused:
            self._is_paused = True  # the peer does not wait for answers
            self._transport.pause_reading()

    def close_if_idle(self) -> None:
        if self._task is None and self._transport is not None:
            self._is_ending = True
            self._transport.close()

    def close_if_overdue(self, now: float) -> None:
        patience = MAX_REQUEST_SECONDS if self._is_within_request else MAX_IDLE_SECONDS
        if now - self.since > patience:
            self.close_if_idle()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _serve(self) -> None:
        """Serves all requests that have arrived, in order."""
        caller_has_left.set(lambda: self._transport is None)
        try:
            while self._waiting:
                request, may_more_follow = self._waiting.popleft()
                answer = await self._server.handle(request)
                if not may_more_follow or self._server.is_draining:
                    self._is_ending = True
                self._write(answer)
            if self._is_paused and not self._is_ending and self._transport is not None:
                self._is_paused = False
                self._transport.resume_reading()
        except BaseException:
            self.abort()
            raise
        finally:
            self.since = asyncio.get_running_loop().time()
            if self._task is not None:
                self._server.tasks.discard(self._task)
            self._task = None

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431)

    def _refuse(self, status: int) -> None:
        """Refuses a request that cannot be passed on; nothing else is read from this connection."""
        if self._task is not None:
            self.abort()  # the next answer belongs to an earlier request
        elif not self._is_ending:
            self._is_ending = True
            self._write(Response(status, b"", "text/plain"))

    def _write(self, answer: Response) -> None:
        if self._transport is None:
            return
        more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        if self._is_ending:
            more += "Connection: close\r\n"
        head = (
            f"{_LINES[answer.status]}Content-Type: {answer.media_type}\r\n{more}"
            f"Content-Length: {len(answer.body)}\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1") + answer.body)
        if self._is_ending:
            self._transport.close()


class _Server:
    """What all connections share."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.connections: set[_Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_draining = False

    async def sweep(self, rest: Rest) -> None:
        """Closes connections that are idle for too long, until cancelled."""
        while True:
            await rest.pause(SWEEP_SECONDS, SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for connection in list(self.connections):
                connection.close_if_overdue(now)

    async def drain(self) -> None:
        """Closes idle connections at once, the others after their answers, and all of them after 20
        s."""
        self.is_draining = True
        for connection in list(self.connections):
            connection.close_if_idle()
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=STOP_SECONDS)
            if late:
                log("calls left at the end of the drain", calls=len(late))
        end = time.monotonic() + FLUSH_SECONDS
        while self.connections and time.monotonic() < end:  # noqa: ASYNC110 - the last seconds
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()


@asynccontextmanager
async def serving_http(
    handle: Handle,
    listener: socket.socket,
    tls: ssl.SSLContext | None = None,
    rest: Rest = NEVER,
) -> AsyncIterator[None]:
    """Serves while the block runs (with `tls`, over TLS only); then requests in flight finish."""
    options: dict[str, Any] = {} if tls is None else {"ssl": tls}
    server = _Server(handle)
    listener.setblocking(False)
    accepting = await asyncio.get_running_loop().create_server(
        lambda: _Connection(server), sock=listener, backlog=BACKLOG, **options
    )
    sweeping = asyncio.create_task(server.sweep(rest))
    try:
        yield
    finally:
        accepting.close()
        sweeping.cancel()
        await server.drain()
