"""Answers whose bytes are already encoded."""

import gzip
import threading
from typing import Any, cast

import pytest
from litestar.types import Scope

import edge.http.answer
from edge.http.answer import MOST_AT_ONCE_BYTES, CompressedAnswer

LONG = b'{"chats":[' + b",".join([b'{"chatName":"Kitchen"}'] * 500) + b"]}"


def asking(*headers: tuple[bytes, bytes]) -> Scope:
    """What an answer reads of a request: its headers."""
    return cast("Scope", {"headers": list(headers)})


async def sent(
    answer: CompressedAnswer, *headers: tuple[bytes, bytes]
) -> tuple[dict[Any, Any], bytes]:
    """The headers and the body that a client with these headers gets."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        raise AssertionError("an answer reads nothing")

    await answer.send_itself(asking(*headers), receive, send)
    start, body = messages
    return dict(start["headers"]), body["body"]


async def test_a_long_list_is_compressed_for_whoever_takes_that() -> None:
    """Content-Length is the compressed length, and Vary tells caches what the answer depends on."""
    headers, body = await sent(CompressedAnswer(LONG), (b"accept-encoding", b"br, gzip;q=0.5"))
    assert gzip.decompress(body) == LONG
    assert len(body) < len(LONG) / 20
    assert headers[b"content-length"] == b"%d" % len(body)
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"vary"] == b"accept-encoding"
    assert headers[b"content-type"] == b"application/json"


@pytest.mark.parametrize(
    "accepted", ["", "br", "*;q=0", "gzip;q=0", "br, gzip ; q=0.000", "gzip;q=0, *", "*, gzip;q=0."]
)
async def test_whoever_does_not_take_it_gets_it_as_it_is(accepted: str) -> None:
    """This includes clients that refuse gzip (q=0 with any number of digits) but accept others."""
    answered, body = await sent(CompressedAnswer(LONG), (b"accept-encoding", accepted.encode()))
    assert body == LONG
    assert b"content-encoding" not in answered
    assert answered[b"content-length"] == b"%d" % len(LONG)


@pytest.mark.parametrize("accepted", ["*", "GZIP", "*;q=0, gzip", "gzip;q=0.001", "br;q=0,gzip"])
async def test_whoever_takes_it_gets_it(accepted: str) -> None:
    """By name or by `*`; a name takes precedence over `*`."""
    answered, _ = await sent(CompressedAnswer(LONG), (b"accept-encoding", accepted.encode()))
    assert answered[b"content-encoding"] == b"gzip"


async def test_it_is_compressed_once() -> None:
    """An answer that could not be sent at once is settled again."""
    answer = CompressedAnswer(LONG)
    accepting = (b"accept-encoding", b"gzip")
    answer.settle(asking(accepting))
    _, body = await sent(answer, accepting)
    assert gzip.decompress(body) == LONG


@pytest.mark.parametrize(
    ("body", "aside"), [(LONG, False), (b"x" * (MOST_AT_ONCE_BYTES + 1), True), (b"{}", False)]
)
async def test_what_takes_long_is_compressed_in_a_thread(
    monkeypatch: pytest.MonkeyPatch, body: bytes, aside: bool
) -> None:
    """And once. What takes less time than a thread is compressed when it is sent."""
    compressed_in: list[threading.Thread] = []
    compress = edge.http.answer._compress

    def note(of: bytes) -> bytes:
        compressed_in.append(threading.current_thread())
        return compress(of)

    monkeypatch.setattr(edge.http.answer, "_compress", note)
    answer, accepting = CompressedAnswer(body), (b"accept-encoding", b"gzip")
    await answer.settle_in_thread(asking(accepting))
    assert len(compressed_in) == aside
    headers, content = await sent(answer, accepting)
    assert headers[b"content-length"] == b"%d" % len(content)
    if len(body) > 2:
        assert gzip.decompress(content) == body
        assert headers[b"vary"] == b"accept-encoding"
        assert [thread is not threading.main_thread() for thread in compressed_in] == [aside]


async def test_a_long_answer_is_as_it_is_for_whoever_does_not_take_gzip() -> None:
    """It depends on the request all the same."""
    body = b"x" * (MOST_AT_ONCE_BYTES + 1)
    answer = CompressedAnswer(body)
    await answer.settle_in_thread(asking())
    headers, content = await sent(answer)
    assert (content, headers[b"vary"]) == (body, b"accept-encoding")


async def test_what_is_short_is_not_compressed() -> None:
    """Compression would save nothing."""
    answered, body = await sent(CompressedAnswer(b"{}"), (b"accept-encoding", b"gzip"))
    assert (body, b"vary" in answered) == (b"{}", False)
