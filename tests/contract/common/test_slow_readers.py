"""Clients that do not read their answers, on a real server and real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import pytest_asyncio

from common.process.slow_readers import SLOW_READERS, BoundedHttp
from common.process.web import serving_app
from edge.http.joined_writes import WholeAnswers

ANSWER_BYTES = 2**20
MOST_BYTES = 8 * ANSWER_BYTES


async def answer(scope: Any, _receive: Any, send: Any) -> None:
    """As many zeros as `ANSWER_BYTES`."""
    assert scope["type"] == "http"
    headers = [(b"content-length", b"%d" % ANSWER_BYTES)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(ANSWER_BYTES)})


@pytest_asyncio.fixture(params=[BoundedHttp, WholeAnswers])
async def place(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, int]]:
    monkeypatch.setattr(SLOW_READERS, "most_bytes", MOST_BYTES)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=200)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)  # the kernel holds less
        async with serving_app(answer, [listener], request.param):
            yield listener.getsockname()


async def ask(place: tuple[str, int], stack: ExitStack) -> socket.socket:
    """A connection that has asked, and whose client holds only a few kilobytes of the answer."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, place)
    await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await loop.sock_recv(client, 1) == b"H"
    return client


async def reads_all(client: socket.socket) -> bool:
    """Whether the whole answer arrives."""
    got = b""
    try:
        while len(got.partition(b"\r\n\r\n")[2]) < ANSWER_BYTES:
            data = await asyncio.get_running_loop().sock_recv(client, 2**20)
            if not data:
                return False
            got += data
    except ConnectionResetError:
        return False
    return True


async def test_those_that_stand_still_for_longest_end(place: tuple[str, int]) -> None:
    """As soon as all together hold too much; the others get their answers."""
    with ExitStack() as stack:
        clients = [await ask(place, stack) for _ in range(20)]
        have_all = [await reads_all(client) for client in clients]
    assert have_all[:8] == [False] * 8
    assert have_all[-4:] == [True] * 4


async def test_a_few_slow_readers_get_their_answers(place: tuple[str, int]) -> None:
    """One after the other, however many: what was sent or has ended counts no more."""
    for _ in range(8):
        with ExitStack() as stack:
            gone, *others = [await ask(place, stack) for _ in range(4)]
            gone.close()
            assert all([await reads_all(client) for client in others])
