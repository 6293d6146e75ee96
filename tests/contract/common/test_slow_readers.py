"""Clients that do not read their answers, on a real server and real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from common.process.slow_readers import SLOW_READERS, BoundedHttp
from common.process.web import serving_app
from edge.http.joined_writes import WholeAnswers
from tests.fixtures.authority import Authority

ANSWER_BYTES = 2**20
MOST_BYTES = 8 * ANSWER_BYTES
TIMEOUT_SECONDS = 30
Ask = Callable[[ExitStack], socket.socket]


async def answer(scope: Any, _receive: Any, send: Any) -> None:
    """As many zeros as `ANSWER_BYTES`."""
    assert scope["type"] == "http"
    headers = [(b"content-length", b"%d" % ANSWER_BYTES)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(ANSWER_BYTES)})


@pytest_asyncio.fixture(
    params=[(BoundedHttp, False), (WholeAnswers, False), (WholeAnswers, True)],
    ids=["files", "edge", "edge over TLS"],
)
async def ask(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Ask]:
    """Asks the server. The client holds only a few kilobytes of the answer until it reads."""
    protocol, has_tls = request.param
    authority = Authority(tmp_path)
    certificate = authority.issue("localhost")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate.certificate, certificate.key)
    ours = ssl.create_default_context(cafile=str(authority.ca))
    monkeypatch.setattr(SLOW_READERS, "most_bytes", MOST_BYTES)

    def ask(stack: ExitStack) -> socket.socket:
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.settimeout(TIMEOUT_SECONDS)
        client.connect(listener.getsockname())
        if has_tls:
            client = stack.enter_context(ours.wrap_socket(client, server_hostname="localhost"))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1) == b"H"
        return client

    with closing(socket.create_server(("127.0.0.1", 0), backlog=200)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)  # the kernel holds less
        async with serving_app(answer, [listener], protocol, tls=theirs if has_tls else None):
            yield ask


def reads_all(client: socket.socket) -> bool:
    """Whether the whole answer arrives."""
    got = b""
    try:
        while len(got.partition(b"\r\n\r\n")[2]) < ANSWER_BYTES:
            data = client.recv(2**20)
            if not data:
                return False
            got += data
    except (ConnectionResetError, ssl.SSLError):
        return False
    return True


async def test_those_that_stand_still_for_longest_end(ask: Ask) -> None:
    """As soon as all together hold too much; the others get their answers."""
    with ExitStack() as stack:
        clients = [await asyncio.to_thread(ask, stack) for _ in range(20)]
        have_all = [await asyncio.to_thread(reads_all, client) for client in clients]
    assert have_all[:8] == [False] * 8
    assert have_all[-4:] == [True] * 4


async def test_a_few_slow_readers_get_their_answers(ask: Ask) -> None:
    """One after the other, however many: what was sent or has ended counts no more."""
    for _ in range(8):
        with ExitStack() as stack:
            gone, *others = [await asyncio.to_thread(ask, stack) for _ in range(4)]
            gone.close()
            assert all([await asyncio.to_thread(reads_all, client) for client in others])
