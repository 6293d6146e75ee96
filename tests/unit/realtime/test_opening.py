"""Requests that are parsed without the WebSocket library are checked exactly like by the
library.
"""

import random

import pytest

from common.protocol.errors import Refusal
from realtime.protocol.handshake import Upgrade
from realtime.protocol.opening import MAX_PLAIN_BYTES, Opening

ORIGINS = (None, "https://chat.example.org")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = [
    "Host: chat.example.org",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: chat.v1",
]
BROWSER = [
    *HEADERS[:2],
    "Connection: keep-alive, Upgrade",
    *HEADERS[3:],
    "Origin: https://chat.example.org",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Browser/1.0",
    "x-hubbub-balancer: a word",
]
INSTEAD = {  # instead of the header of that name, or in addition
    "host": ["", "Host: a\r\nHost: b", "hOsT: x"],
    "upgrade": ["", "Upgrade: WebSocket", "Upgrade: h2c", "Upgrade: websocket, h2c", "Upgrade:"],
    "connection": ["", "Connection: close", "Connection: upgrade ,x", "Connection: upgraded"],
    "sec-websocket-key": [
        "", "Sec-WebSocket-Key: short", f"Sec-WebSocket-Key: {KEY[:-3]}R==",
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Key:{KEY}",
    ],
    "sec-websocket-version": ["", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 13, 8"],
    "sec-websocket-protocol": [
        "", "Sec-WebSocket-Protocol: chat.v2", "Sec-WebSocket-Protocol: chat.v2, chat.v1",
        "Sec-WebSocket-Protocol: Chat.v1",
    ],
    "": [
        "Origin: https://evil.example.org", "Origin: null", "Origin: https://chat.example.org",
        "Content-Length: 5", "Content-Length: 0", "Transfer-Encoding: chunked", "Empty:",
        "Two words: x", "Tab:\tx", "Trailing: x  ", "Umlaut: \xe4", "Zero: \x00", " folded: x",
        "Lone\rreturn: x", "x-hubbub-balancer: one\r\nx-hubbub-balancer: two",
        "Long: " + "x" * 9_000,
        "\r\n".join(f"H{n}: x" for n in range(200)),
    ],
}  # fmt: skip
LINES = [
    "GET /ws HTTP/1.1", "GET /ws?token=x HTTP/1.1", "GET /other HTTP/1.1", "HEAD /ws HTTP/1.1",
    "POST /ws HTTP/1.1", "GET /ws HTTP/1.0", "GET /ws HTTP/2.0", "GET  /ws HTTP/1.1",
    "get /ws HTTP/1.1",
    "GET ws HTTP/1.1", "GET /w\x7fs HTTP/1.1", "GET http://x/ws HTTP/1.1",
]  # fmt: skip
Outcome = tuple[object, ...]


def request(line: str, headers: list[str]) -> bytes:
    return "\r\n".join([line, *filter(None, headers), "", ""]).encode("latin-1")


def without(name: str) -> list[str]:
    return [one for one in HEADERS if one.partition(":")[0].lower() != name]


REQUESTS = [
    *(request(line, HEADERS) for line in LINES),
    request(LINES[0], BROWSER),
    *(
        request(LINES[0], [*without(name), other])
        for name, others in INSTEAD.items()
        for other in others
    ),
]


def outcome(*parts: bytes) -> tuple[Outcome, bool]:
    """The parsed request, and its answer; and whether the library was not needed."""
    opening = Opening(ORIGINS)
    for part in parts:
        read = opening.read(part)
        if isinstance(read, Refusal):
            return (read.status,), opening._library is None
    if not isinstance(read, Upgrade):
        return (read,), opening._library is None
    answer = opening.accept()
    if isinstance(answer, Refusal):
        return (read, answer.status), opening._library is None
    lines = answer.lower().split(b"\r\n")
    said = sorted(one for one in lines if not one.startswith(b"date"))
    return (read, *said), opening._library is None


def assert_alike(whole: bytes) -> None:
    """However it arrives: a request that is incomplete in one read goes to the library."""
    assert outcome(whole)[0] == outcome(whole[:-1], whole[-1:])[0]


@pytest.mark.parametrize("whole", REQUESTS)
def test_both_ways_judge_alike(whole: bytes) -> None:
    """What is requested, the status, the accepted key, the subprotocol."""
    assert_alike(whole)


def test_broken_requests_are_judged_alike() -> None:
    """Bytes at random places are replaced, removed or duplicated."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    good = request(LINES[0], BROWSER)
    for _ in range(300):
        broken = bytearray(good)
        for _ in range(choose.randint(1, 3)):
            place = choose.randrange(len(broken) - 4)
            some = choose.choice((b"", b" ", b":", b"\r\n", b",", b"\x00", b"=", b"A", b"\xff"))
            broken[place : place + choose.randint(0, 1)] = some
        if broken.find(b"\r\n\r\n") == len(broken) - 4:
            assert_alike(bytes(broken))


def test_what_clients_write_needs_no_library() -> None:
    """Browsers and libraries, also through the balancer; nothing long."""
    assert outcome(request(LINES[0], HEADERS))[1]
    assert outcome(request(LINES[0], BROWSER))[1]
    assert not outcome(request(LINES[0], [*HEADERS, "Long: " + "x" * MAX_PLAIN_BYTES]))[1]


@pytest.mark.parametrize("length", [0, 1_000, 20_000])
def test_a_wrong_method_is_refused_as_one_whatever_its_body(length: int) -> None:
    """A body that arrives with the headers does not count as headers."""
    whole = request("POST /ws HTTP/1.1", ["Host: x", f"Content-Length: {length}"]) + b"x" * length
    refusal = Opening(ORIGINS).read(whole)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "method_not_allowed"
