"""Requests over persistent connections, one at a time on each: a client that uses little of the
cores it shares with the measured system."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

from loadtest.peers.process import LOOPBACK

HEAD_END: Final = b"\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    """What is answered has a length or comes in chunks, which are left as they are."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._waiter: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error or ConnectionResetError("no answer"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(HEAD_END)
        if end < 0 or self._waiter is None:
            return
        head = bytes(self._data[:end]).lower()
        length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        if length and len(self._data) < end + len(HEAD_END) + int(length):
            return
        if not length and not self._data.endswith(LAST_CHUNK):
            return
        body = bytes(self._data[end + len(HEAD_END) :])
        self._data.clear()
        waiter, self._waiter = self._waiter, None
        if head.startswith((b"http/1.1 200", b"http/1.1 201")):
            waiter.set_result(body)
        else:
            waiter.set_exception(RuntimeError(f"{head!r} {body[:300]!r}"))

    async def exchange(self, request: bytes) -> bytes:
        """The body. Raises RuntimeError for any refusal."""
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        self._transport.close()


def encode_request(
    method: str, path: str, token: str, body: object = None, header: str = ""
) -> bytes:
    """`body` as JSON."""
    data = b"" if body is None else msgspec.json.encode(body)
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: bench",
        f"authorization: Bearer {token}",
        *([header] if header else []),
        *(["content-type: application/json", f"content-length: {len(data)}"] if data else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + data


async def connect(port: int) -> Connection:
    """To a server on this machine."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, LOOPBACK, port)
    return connection


async def exchange_for(
    connections: Sequence[Connection], choose: Callable[[int], bytes], seconds: float
) -> tuple[list[float], int]:
    """The milliseconds of each answer, and their bytes; `choose` gives what is asked next on a
    connection, at least once on each."""
    end, times, size = time.monotonic() + seconds, list[float](), 0

    async def work(number: int, connection: Connection) -> None:
        nonlocal size
        is_first = True
        while is_first or time.monotonic() < end:
            is_first = False
            began = time.perf_counter()
            body = await connection.exchange(choose(number))
            size += len(body)
            times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(work(number, one) for number, one in enumerate(connections)))
    return times, size
