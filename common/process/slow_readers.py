"""HTTP whose clients cannot fill the memory of a process by not reading their answers.

A client that reads slowly has most of its answer in this process, and anybody may open many such
connections. When all of them together hold too much, those that have stood still for longest end.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import msgspec
from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import is_ssl

from common.process.logs import log
from common.protocol.errors import PROBLEM_TYPE, Refusal

MAX_UNSENT_BYTES: Final = 64 * 2**20
HIGH_WATER_BYTES: Final = 2**16  # of a connection; with more to send it counts as slow
ENDED: Final = Counter(
    "hubbub_slow_readers_ended",
    "Connections ended before their answer was read, since such answers held too much memory",
)


class SlowReaders:
    """Connections of this process that have much to send. Those that have stood still for longest
    come first."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._unsent: dict[BoundedHttp, int] = {}
        self._bytes = 0
        self._new: list[BoundedHttp] = []

    def add(self, connection: "BoundedHttp") -> None:
        """It has more to send than its transport should hold."""
        self.discard(connection)
        self._unsent[connection] = 0
        if not self._new:  # more may be written in this iteration of the event loop
            asyncio.get_running_loop().call_soon(self._judge)
        self._new.append(connection)

    def discard(self, connection: "BoundedHttp") -> None:
        """It has sent most of it, or has ended."""
        self._bytes -= self._unsent.pop(connection, 0)

    def _judge(self) -> None:
        """Ends some if there is too much."""
        new, self._new = self._new, []
        self._measure(new)
        if self._bytes > self.most_bytes:
            self._measure([*self._unsent])  # some was sent since
        while self._bytes > self.most_bytes:
            oldest = next(iter(self._unsent))
            log("slow reader ended", unsent=self._unsent[oldest])
            self.discard(oldest)
            ENDED.inc()
            oldest.transport.abort()

    def _measure(self, connections: Iterable["BoundedHttp"]) -> None:
        for connection in connections:
            if connection in self._unsent:
                self._bytes -= self._unsent[connection]
                self._unsent[connection] = connection.transport.get_write_buffer_size()
                self._bytes += self._unsent[connection]


SLOW_READERS: Final = SlowReaders(MAX_UNSENT_BYTES)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP on such a connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if is_ssl(transport):  # uvloop's own limit is 512 KiB
            transport.set_write_buffer_limits(HIGH_WATER_BYTES)

    def pause_writing(self) -> None:
        super().pause_writing()
        SLOW_READERS.add(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        SLOW_READERS.discard(self)

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, such as a control character in a header. uvicorn's own answer
        is plain text."""
        refusal = Refusal("invalid_request", "This is not a valid HTTP request.")
        body = msgspec.json.encode(refusal.problem())
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {PROBLEM_TYPE}\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\n"
            "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        SLOW_READERS.discard(self)
        super().connection_lost(exc)
