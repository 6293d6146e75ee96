"""Requests that do not complete: after ten seconds the connection is closed."""

import asyncio
import contextlib
import time

import aiohttp

from tests.fixtures.busy import bound
from tests.fixtures.hubbub import Hubbub

HEAD = b"POST /api/user HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# More than the balancer buffers, so edge waits for the rest.
LARGE = HEAD + b"Content-Length: 60000\r\n\r\n" + b"x" * 40_000
# What is sent at once, and what is sent byte by byte.
SLOW = {
    "nothing": (b"", b""),
    "half a head": (HEAD, b""),
    "a head in drops": (b"", HEAD),
    "half a body": (HEAD + b'Content-Length: 50\r\n\r\n{"username"', b""),
    "a body in drops": (HEAD + b"Content-Length: 500\r\n\r\n", b'{"username":"' + b"x" * 60),
    "half a large body": (LARGE, b""),
    "a large body in drops": (LARGE, b"x" * 60),
    "half a handshake": (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n", b""),
}
DROP_SECONDS = 0.3
# After edge's answer the balancer waits for the rest of a request until nothing has come for 15 s.
MOST_SECONDS = dict.fromkeys(SLOW, bound(16.0, 60.0)) | {"half a large body": bound(30.0, 60.0)}


async def wait_for_end(origin: str, at_once: bytes, drops: bytes) -> tuple[float, bytes]:
    """Seconds until the connection is closed, and the answer."""
    host, port = origin.removeprefix("http://").split(":")
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(at_once)
    ended = asyncio.create_task(reader.read())
    for drop in drops:
        await asyncio.wait([ended], timeout=DROP_SECONDS)
        if ended.done():
            break
        writer.write(bytes([drop]))
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionResetError):
            answer = await ended
    writer.close()
    return time.monotonic() - started, answer


async def test_a_slow_request_is_given_ten_seconds(
    system: Hubbub, http: aiohttp.ClientSession
) -> None:
    """Head, body or handshake, silent or trickling: 408 or nothing, and the connection is closed.
    Many of them do not block other clients."""
    waiting = [
        asyncio.create_task(wait_for_end(system.origin, *SLOW[name]))
        for name in SLOW
        for _ in range(50)
    ]
    while not all(task.done() for task in waiting):
        started = time.monotonic()
        async with http.get(f"{system.origin}/health/live") as answer:
            assert answer.status == 200
        assert time.monotonic() - started < bound(5.0, 15.0)
        await asyncio.wait(waiting, timeout=0.5)
    for name, task in zip([name for name in SLOW for _ in range(50)], waiting, strict=True):
        seconds, said = await task
        assert 8 < seconds < MOST_SECONDS[name], name
        may_be_silent = SLOW[name][0] != LARGE
        assert said.startswith(b"HTTP/1.1 408") or (may_be_silent and said == b""), (name, said)
