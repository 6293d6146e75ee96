"""HTTP/1.1 for calls between services: keep-alive connections, one request at a time on each.

A call is a header block and a body in one write, and an answer of known length in one read, so it
costs less than with a general client (docs/decisions/calls.md). It knows no retries, no redirects,
no compression and no addresses except those that it is given.
"""

import asyncio
import ssl
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, cast

from httptools import HttpParserError, HttpResponseParser

from common.calls.callers import WITH_TLS, Caller

MAX_IDLE_SECONDS: Final = 30.0  # the other side closes them after 40


class Response(NamedTuple):
    """`headers` have lower-case names."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection; httptools calls the `on_` methods."""

    def __init__(self, forget: "Callable[[_Connection], None]") -> None:
        self._forget = forget  # called once it has ended
        self._parser = HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._waiter: asyncio.Future[Response] | None = None
        self._transport: asyncio.Transport | None = None
        self.idle_since = 0.0

    async def exchange(self, request: bytes) -> Response:
        """Raises ConnectionError if no complete answer arrives. A caller that is cancelled here
        must abort the connection."""
        if self._transport is None:
            raise ConnectionResetError("the connection has ended")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(ConnectionError(f"the answer is not HTTP: {error}"))
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._forget(self)
        self._fail(error or ConnectionResetError("the connection ended before the answer"))

    def on_message_begin(self) -> None:
        self._headers, self._parts = {}, []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        answered = Response(self._parser.get_status_code(), self._headers, body)
        if self._waiter is None or not self._parser.should_keep_alive():
            self.abort()  # an unsolicited answer, or the last one
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answered)
        self._waiter = None

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self._waiter = None


class HttpClient:
    """The connections of one process to all others, on one loop, until `close`.

    Addresses are `host:port`; `name` is the one in the server's certificate (`name_of`). `post` and
    `get` raise OSError if no complete answer arrives; a cancelled request never leaves a connection
    whose answer another request could receive.
    """

    def __init__(
        self,
        caller: Caller | None = None,
        tls: ssl.SSLContext | None = None,
        over_tls: Collection[str] = WITH_TLS,
    ) -> None:
        """`caller` is this process's identity for the calls that it makes. With `tls`, a server
        that is asked by a name must have a certificate for it; `over_tls` are the roles that use
        TLS."""
        self.caller = caller
        self._over_tls = over_tls
        self._tls = tls
        self._idle: dict[str, list[_Connection]] = {}  # by address, only while connections exist
        self._used: set[_Connection] = set()
        self.is_closed = False

    def name_of(self, role: str) -> str:
        """The certificate name that replicas of a role must have; empty for roles without TLS."""
        return role if role in self._over_tls else ""

    async def post(
        self, address: str, path: str, body: bytes, headers: Mapping[str, str], name: str = ""
    ) -> Response:
        more = "".join(f"{field}: {value}\r\n" for field, value in headers.items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {address}\r\n{more}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return await self._exchange(address, name, head.encode("latin-1") + body)

    async def get(
        self, address: str, path: str, headers: Mapping[str, str] | None = None, name: str = ""
    ) -> Response:
        more = "".join(f"{field}: {value}\r\n" for field, value in (headers or {}).items())
        head = f"GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n"
        return await self._exchange(address, name, head.encode("latin-1"))

    def close(self) -> None:
        """Requests under way fail."""
        self.is_closed = True
        for connection in (*self._used, *(one for idle in self._idle.values() for one in idle)):
            connection.abort()

    async def _exchange(self, address: str, name: str, request: bytes) -> Response:
        connection = self._take_idle(address) or await self._connect(address, name)
        self._used.add(connection)
        try:
            answered = await connection.exchange(request)
        except BaseException:
            connection.abort()
            raise
        finally:
            self._used.discard(connection)
        if connection.is_open:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(address, []).append(connection)
        return answered

    def _take_idle(self, address: str) -> _Connection | None:
        """The most recently used connection; if even that one is too old, all are closed."""
        idle = self._idle.get(address)
        oldest = asyncio.get_running_loop().time() - MAX_IDLE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self, address: str, name: str) -> _Connection:
        if self.is_closed:
            raise ConnectionError("the client is closed")
        host, _, port = address.rpartition(":")
        tls: dict[str, Any] = {}
        if self._tls is not None and name:
            tls = {"ssl": self._tls, "server_hostname": name}
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(partial(self._forget, address)), host.strip("[]"), int(port), **tls
        )
        return connection

    def _forget(self, address: str, connection: _Connection) -> None:
        """Drops the entry of an address: replicas keep getting new ones, so nothing of old ones may
        stay."""
        idle = self._idle.get(address)
        if idle and connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(address, None)
