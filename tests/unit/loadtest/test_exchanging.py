"""The benchmarks' client: an answer is complete, however it is split."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from loadtest.peers.exchanging import Connection, connect, encode_request, exchange_for

OK = b"HTTP/1.1 200 OK\r\n"
WITH_LENGTH = (OK + b"Content-Length: 5\r\n\r\nhe", b"llo")
IN_CHUNKS = (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r\n\r\n")


@asynccontextmanager
async def connected(*parts: bytes) -> AsyncIterator[Connection]:
    """Connects to a server that answers each request with these parts."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.001)  # so that it arrives separately
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = await connect(server.sockets[0].getsockname()[1])
        try:
            yield connection
        finally:
            connection.close()
            await ended.wait()


@pytest.mark.parametrize(
    ("parts", "body"), [(WITH_LENGTH, b"hello"), (IN_CHUNKS, b"3\r\nabc\r\n0\r\n\r\n")]
)
async def test_an_answer_is_read_to_its_end(parts: tuple[bytes, ...], body: bytes) -> None:
    """With a length or in chunks; one after the other."""
    request = encode_request("GET", "/", "token")
    async with connected(*parts) as connection:
        assert await connection.exchange(request) == body
        times, size = await exchange_for([connection], lambda _: request, 0.01)
        assert size == len(times) * len(body)


async def test_a_refusal_ends_a_measurement() -> None:
    """Refusals would be cheaper than the measured requests."""
    async with connected(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as connection:
        with pytest.raises(RuntimeError, match="404"):
            await connection.exchange(encode_request("GET", "/", "token"))
