"""HTTP whose clients cannot fill the memory of a process by not reading their answers.

A client that reads slowly has most of its answer in this process, and anybody may open many such
connections. When all of them together hold too much, those that have stood still for longest end.
"""

from typing import Final

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.process.logs import log

MAX_UNSENT_BYTES: Final = 64 * 2**20
ENDED: Final = Counter(
    "hubbub_slow_readers_ended",
    "Connections ended before their answer was read, since such answers held too much memory",
)


class SlowReaders:
    """The connections of this process that have much to send, those for longest first."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._unsent: dict[BoundedHttp, int] = {}
        self._bytes = 0

    def add(self, connection: "BoundedHttp") -> None:
        """It has more to send than its transport should hold. Ends others if there is too much."""
        self.discard(connection)
        self._note(connection)
        if self._bytes > self.most_bytes:
            for one in [*self._unsent]:  # some was sent since it was noted
                self._bytes -= self._unsent[one]
                self._note(one)
        while self._bytes > self.most_bytes:
            oldest = next(iter(self._unsent))
            log("slow reader ended", unsent=self._unsent[oldest])
            self.discard(oldest)
            ENDED.inc()
            oldest.transport.abort()

    def discard(self, connection: "BoundedHttp") -> None:
        """It has sent most of it, or has ended."""
        self._bytes -= self._unsent.pop(connection, 0)

    def _note(self, connection: "BoundedHttp") -> None:
        self._unsent[connection] = connection.transport.get_write_buffer_size()
        self._bytes += self._unsent[connection]


SLOW_READERS: Final = SlowReaders(MAX_UNSENT_BYTES)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP on such a connection."""

    def pause_writing(self) -> None:
        super().pause_writing()
        SLOW_READERS.add(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        SLOW_READERS.discard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        SLOW_READERS.discard(self)
        super().connection_lost(exc)
