"""A request is the same, however it is split and whatever follows it."""

import asyncio
import itertools
import json
import re
import socket
from typing import Any

import pytest
import uvloop

from common.process.web import serving_app
from edge.http.joined_writes import WHOLE, WholeAnswers

LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /a%20b?c=d HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nso long"
CHUNKED = (
    b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path, the query and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    body = b"%b %b %b" % (scope["path"].encode(), scope["query_string"], body)
    if not scope["extensions"][WHOLE](200, b"content-length: %d\r\n" % len(body), body):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def exchange(parts: list[bytes], app: Any = echo) -> bytes:
    """Returns what the server sends until it closes the connection. It has read each part before
    the next is sent. Runs on the event loop that edge uses."""
    return uvloop.run(_exchange(parts, app))


async def _exchange(parts: list[bytes], app: Any) -> bytes:
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    answered = b""
    with socket.create_connection(listener.getsockname()) as client:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with serving_app(app, [listener], WholeAnswers), asyncio.timeout(120):
            for part in parts:
                await loop.sock_sendall(client, part)
                await asyncio.sleep(0.01)
            while more := await loop.sock_recv(client, 65_536):
                answered += more
    return re.sub(rb"date: [^\r]*\r\n", b"", answered)


@pytest.mark.parametrize(
    ("request_bytes", "answer"), [(POST, b"/a b c=d so long"), (CHUNKED, b"/chunks  abcdefg")]
)
@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_request_in_pieces_is_the_same(request_bytes: bytes, answer: bytes, pieces: int) -> None:
    """Split within the head, between head and body, and within the body."""
    cuts = [len(request_bytes) * place // pieces for place in range(pieces + 1)]
    if pieces == 2:
        cuts[1] = request_bytes.index(b"\r\n\r\n") + 4
    parts = [request_bytes[start:end] for start, end in itertools.pairwise(cuts)]
    answered = exchange([*parts, LAST])
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answered.split(b"\r\n\r\n", 1)[1].startswith(answer + b"HTTP/1.1 200 OK\r\n")


def test_thousands_that_come_together_are_answered_in_their_order() -> None:
    """Pipelined; each is handled once the one before it was answered."""
    gets = b"".join(b"GET /%04d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3_000))
    answered = exchange([gets, LAST])
    numbers = [int(number) for number in re.findall(rb"/(\d{4})  ", answered)]
    assert numbers == list(range(3_000))


def test_a_request_behind_a_whole_one_waits_for_its_turn() -> None:
    """Its head came with the first request, its body later."""
    get = b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
    answered = exchange([get + POST[:-4], POST[-4:] + LAST])
    assert re.findall(rb"\r\n\r\n(/[^H]*)HTTP", answered) == [b"/first  ", b"/a b c=d so long"]


def test_a_request_begins_before_its_body_has_ended() -> None:
    """So it can be refused by its head, however long the body takes."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"connection", b"close"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    assert exchange([POST[:-4]], refuse).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("body", [b"", b"so long"])
@pytest.mark.parametrize("target", [b"http://[/", b"/\xc3\xa9"])
def test_a_target_that_is_none_is_refused(target: bytes, body: bytes) -> None:
    """Whether its body has arrived or not."""
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n" % target
    assert exchange([head + body]).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("header", [b"X: \x01", b"X\x01: a", b"X"])
def test_what_is_not_http_is_refused_with_a_problem(header: bytes) -> None:
    """As JSON with a code, like all refusals, and the connection ends."""
    head, _, body = exchange([b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % header]).partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json")
    assert b"content-length: %d\r\n" % len(body) in head
    assert json.loads(body)["code"] == "invalid_request"


def test_what_is_wrong_in_its_body_never_begins() -> None:
    """A chunk without a size, in the same segment as the head."""
    begun: list[str] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])

    wrong = CHUNKED.replace(b"3\r\n", b"x\r\n")
    assert exchange([wrong], note).startswith(b"HTTP/1.1 400 ")
    assert begun == []


@pytest.mark.parametrize("request_bytes", [POST, POST[:-7]])
def test_who_waits_for_a_client_hears_that_it_has_gone(request_bytes: bytes) -> None:
    """Whether its body arrived with the head or not."""
    heard: list[str] = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        while "http.disconnect" not in heard:
            heard.append((await receive())["type"])

    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        async with serving_app(listen, [listener], WholeAnswers), asyncio.timeout(120):
            with socket.create_connection(listener.getsockname()) as client:
                client.sendall(request_bytes)
                await asyncio.sleep(0.05)
            while "http.disconnect" not in heard:  # noqa: ASYNC110 - the application tells nobody
                await asyncio.sleep(0.005)

    uvloop.run(run())
    assert heard[-1] == "http.disconnect"
