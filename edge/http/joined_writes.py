"""A connection that sends the head and the body of an answer in one write.

uvicorn writes them one after the other, and the transport sends each at once. An edge that is
killed between the two leaves an answer that ends after its head, and the balancer, having forwarded
that, cannot retry on another edge. The second system call and the balancer's second wake-up cost
more than everything done here (docs/decisions/gateway.md). Knows no more HTTP than what uvicorn
would do for a complete answer.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from common.process.logs import flush_requests
from common.process.slow_readers import HIGH_WATER_BYTES
from edge.http.whole_requests import WholeCycle, WholeRequests

WHOLE: Final = "hubbub.whole"
"""The extension of ASGI by which an application answers at once, a WriteWhole."""
WriteWhole: TypeAlias = Callable[[int, bytes, bytes], bool]
"""Takes the status, the headers as they are sent, with the length among them, and the body. Returns
False where it did nothing and the application has to send messages."""

_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}


def take_whole(scope: Any) -> WriteWhole | None:
    """What the server of this request offers. Removed from the scope: it refers to the scope's
    owner, and the cycle would leave each request to the garbage collector."""
    extensions: dict[str, WriteWhole] = scope.get("extensions") or {}
    return extensions.pop(WHOLE, None)


class Unsent:
    """The connections that were written to in this iteration of the event loop. One callback for
    all of them: the answers to a batch of sends leave in the same iteration."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: list[JoinedWrites] = []

    def add(self, connection: "JoinedWrites") -> None:
        if not self._connections:
            self._loop.call_soon(self._send)
        self._connections.append(connection)

    def _send(self) -> None:
        connections, self._connections = self._connections, []
        flush_requests()
        for connection in connections:
            connection.send()


class JoinedWrites(asyncio.Transport):
    """What is written in one iteration of the event loop is sent together at its end, after the log
    lines written in it."""

    def __init__(self, transport: asyncio.Transport, unsent: Unsent) -> None:
        super().__init__()
        self._transport = transport
        self._unsent = unsent
        self._parts: list[bytes | bytearray | memoryview] = []
        self._is_tls = is_ssl(transport)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._parts:
            self._unsent.add(self)
        self._parts.append(data)

    def send(self) -> None:
        """Sends what was written, whose lines are in the log."""
        parts, self._parts = self._parts, []
        if not parts or self._transport.is_closing():  # the client may have disconnected meanwhile
            return
        if self._is_tls:
            # Written at once, all of it would leave the layer of TLS, and nothing would count it.
            data = memoryview(b"".join(parts))
            for start in range(0, len(data), HIGH_WATER_BYTES):
                self._transport.write(data[start : start + HIGH_WATER_BYTES])
        else:
            self._transport.writelines(parts)

    def close(self) -> None:
        flush_requests()
        self.send()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


_unsent: Final[WeakKeyDictionary[ServerState, Unsent]] = WeakKeyDictionary()


class WholeAnswers(WholeRequests):
    """uvicorn's HTTP on such a connection."""

    _default_headers: list[tuple[bytes, bytes]] | None = None
    _default_head = b""
    _idle_since: float | None = None  # the end of the last answer, if nothing has arrived since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        unsent = _unsent.get(self.server_state)
        if unsent is None:
            unsent = _unsent[self.server_state] = Unsent(self.loop)
        super().connection_made(JoinedWrites(transport, unsent))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    # uvicorn starts a timer after each answer and cancels it with the next request. One timer that
    # checks again when it fires is enough.

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_after(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the end of the pending answer starts it again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_after(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        scope["extensions"] = {WHOLE: partial(self._answer, cycle)}
        super()._start_asgi_task(cycle, app)

    def _answer(
        self, cycle: RequestResponseCycle, status: int, headers: bytes, body: bytes
    ) -> bool:
        """What two messages to `cycle.send` would do, for the usual request."""
        if (
            cycle.response_started
            or cycle.disconnected
            or not cycle.keep_alive
            or cycle.flow.write_paused
            or cycle.scope["method"] == "HEAD"
        ):
            return False
        if self._default_headers is not self.server_state.default_headers:  # once a second
            self._default_headers = self.server_state.default_headers
            self._default_head = b"".join(b"%b: %b\r\n" % one for one in self._default_headers)
        cycle.waiting_for_100_continue = False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"%b%b%b\r\n" % (_LINES[status], self._default_head, headers))
        self.transport.write(body)
        waiting = cycle.waiting if isinstance(cycle, WholeCycle) else cycle.message_event
        if waiting is not None:
            waiting.set()
        cycle.on_response()
        return True
