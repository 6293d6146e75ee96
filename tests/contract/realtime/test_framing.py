"""Strict RFC 6455 framing, the handshake, and every close that a client can cause."""

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest

from common.protocol.ids import new_id
from tests.contract.realtime.conftest import ORIGIN, Person, World

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection on which a test writes arbitrary bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, head: str) -> Answer:
        self.writer.write(head.encode() + b"\r\n\r\n")
        async with asyncio.timeout(30):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:-2])}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(lines[0].split(" ")[1]), headers, body)

    def write(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def read(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        async with asyncio.timeout(30):
            first, size = await self.reader.readexactly(2)
            assert first & 0x70 == 0, "a reserved bit is set"
            assert first & 0x80, "the server does not fragment"
            assert not size & 0x80, "the server does not mask"
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def read_end(self) -> int:
        """The close code; everything before is skipped."""
        while True:
            opcode, payload = await self.read()
            if opcode == CLOSE:
                return int(struct.unpack("!H", payload[:2])[0])


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, mask: bool = True, reserved: int = 0
) -> bytes:
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def request(**changes: str | None) -> str:
    """A valid handshake; None leaves a header out."""
    headers = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "chat.v1",
        **{name.replace("_", "-"): value for name, value in changes.items() if name != "line"},
    }
    line = changes.get("line") or "GET /ws HTTP/1.1"
    return "\r\n".join([line, *(f"{k}: {v}" for k, v in headers.items() if v is not None)])


@contextlib.asynccontextmanager
async def open_wire(world: World) -> AsyncIterator[Wire]:
    host, _, port = world.node.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def open_socket(world: World, person: Person) -> AsyncIterator[Wire]:
    """A raw connection that is ready."""
    async with open_wire(world) as wire:
        assert (await wire.ask(request())).status == 101
        wire.write(frame(TEXT, msgspec.json.encode({"type": "connect", "token": person.token})))
        opcode, payload = await wire.read()
        assert opcode == TEXT
        assert msgspec.json.decode(payload)["type"] == "ready"
        yield wire


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Origin": "http://evil.example"}, 403, "forbidden"),
        ({"Origin": "null"}, 403, "forbidden"),
        ({"Sec_WebSocket_Protocol": None}, 400, "invalid_request"),
        ({"Sec_WebSocket_Protocol": "chat.v2"}, 400, "invalid_request"),
        ({"Upgrade": None}, 426, "upgrade_required"),
        ({"Connection": "keep-alive"}, 426, "upgrade_required"),
        ({"Upgrade": None, "Content-Length": "5"}, 426, "upgrade_required"),
        ({"Upgrade": None, "Transfer-Encoding": "chunked"}, 426, "upgrade_required"),
        ({"Content-Length": "5"}, 400, "invalid_request"),
        (
            {"line": "GET /other HTTP/1.1", "Upgrade": None, "Content-Length": "5"},
            404,
            "not_found",
        ),
        ({"Sec_WebSocket_Version": "8"}, 400, "invalid_request"),
        ({"Sec_WebSocket_Key": "short"}, 400, "invalid_request"),
        ({"line": "POST /ws HTTP/1.1", "Content-Length": "0"}, 405, "method_not_allowed"),
        ({"line": "DELETE /ws HTTP/1.1"}, 405, "method_not_allowed"),
        ({"line": "GET /other HTTP/1.1"}, 404, "not_found"),
        ({"line": "GET /ws/ HTTP/1.1"}, 404, "not_found"),
        ({"line": "GET /http://127.0.0.1/ws HTTP/1.1"}, 404, "not_found"),
        ({"line": "GET http://127.0.0.1/ws/ HTTP/1.1"}, 404, "not_found"),
        ({"line": "GET http://127.0.0.1 HTTP/1.1"}, 404, "not_found"),
        ({"line": "GET http://127.0.0.1/ws HTTP/1.1", "Upgrade": None}, 426, "upgrade_required"),
        ({"Cookie": "x" * 17_000}, 431, "headers_too_large"),
    ],
)
async def test_refusals_before_the_upgrade_are_problems(
    world: World, changes: dict[str, str | None], status: int, code: str
) -> None:
    """An invalid handshake is refused as problem+json, and the connection ends."""
    async with open_wire(world) as wire:
        answer = await wire.ask(request(**changes))
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"
        problem = msgspec.json.decode(answer.body)
        assert (problem["status"], problem["code"]) == (status, code)
        assert await wire.reader.read() == b""
        if status == 405:
            assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("query", ["", "?" + "x" * 10_000])
@pytest.mark.parametrize("names", [1, 150])
@pytest.mark.parametrize(("size", "status"), [(16_384, 101), (16_385, 431)])
async def test_headers_may_have_16_kib(
    world: World, size: int, status: int, names: int, query: str
) -> None:
    """In one or in many, in addition to a request line of any length; one byte more is refused."""
    fields = {f"X_{number:03}": "x" for number in range(names)}
    line = f"GET /ws{query} HTTP/1.1"
    have = len(request(line=line, **fields).partition("\r\n")[2])
    fields["X_000"] += "x" * (size - have)
    async with open_wire(world) as wire:
        assert (await wire.ask(request(line=line, **fields))).status == status


@pytest.mark.parametrize("origin", [ORIGIN, None])
async def test_the_subprotocol_is_echoed_and_nothing_is_compressed(
    world: World, origin: str | None
) -> None:
    """The public origin, or none, may upgrade; an offer to compress is declined."""
    async with open_wire(world) as wire:
        answer = await wire.ask(
            request(
                Origin=origin,
                Sec_WebSocket_Protocol="chat.v0, chat.v1",
                Sec_WebSocket_Extensions="permessage-deflate",
            )
        )
        assert answer.status == 101
        assert answer.headers["sec-websocket-protocol"] == "chat.v1"
        assert "sec-websocket-extensions" not in answer.headers


PING_TEXT = b'{"type":"ping"}'
BROKEN_RULES = [
    ("unmasked", frame(TEXT, PING_TEXT, mask=False), 1002),
    ("a reserved bit", frame(TEXT, PING_TEXT, reserved=0x40), 1002),
    ("a reserved opcode", frame(0x3, b""), 1002),
    ("a reserved control opcode", frame(0xB, b""), 1002),
    ("a long ping", frame(PING, b"x" * 126), 1002),
    ("a fragmented ping", frame(PING, b"", fin=False), 1002),
    ("a continuation of nothing", frame(CONTINUATION, PING_TEXT), 1002),
    ("text within fragments", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    ("a close of one byte", frame(CLOSE, b"x"), 1002),
    ("a close with a code that is none", frame(CLOSE, struct.pack("!H", 1005)), 1002),
    ("invalid UTF-8", frame(TEXT, b'{"type":"ping","x":"\xff"}'), 1007),
    ("a cut character", frame(TEXT, b'"\xe2\x98', fin=False) + frame(CONTINUATION, b'"'), 1007),
    ("a bad reason", frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
    ("65,537 bytes", frame(TEXT, b" " * 65_537), 1009),
    ("64 KiB in fragments", frame(TEXT, b" " * 40_000, fin=False)
     + frame(CONTINUATION, b" " * 25_537), 1009),
    ("binary", frame(BINARY, PING_TEXT), 4501),
    ("not JSON", frame(TEXT, b"hello"), 4501),
    ("no object", frame(TEXT, b"[]"), 4501),
    ("an empty frame", frame(TEXT, b""), 4501),
    ("an empty line", frame(TEXT, PING_TEXT + b"\n"), 4501),
    ("NaN", frame(TEXT, b'{"type":NaN}'), 4501),
    ("a byte order mark", frame(TEXT, b"\xef\xbb\xbf" + PING_TEXT), 4501),
    ("UTF-16", frame(TEXT, PING_TEXT.decode().encode("utf-16-le")), 4501),
    ("connect again", frame(TEXT, b'{"type":"connect","token":"x"}'), 4501),
    ("a bad connect again", frame(TEXT, b'{"type":"connect"}'), 4501),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "code"), [c[1:] for c in BROKEN_RULES], ids=[c[0] for c in BROKEN_RULES]
)
async def test_who_breaks_a_rule_is_closed_and_nobody_else_notices(
    world: World, neighbour: tuple[Person, Wire], data: bytes, code: int
) -> None:
    """The close code says which rule; another client's socket stays open."""
    person, other = neighbour
    async with open_socket(world, person) as wire:
        wire.write(frame(TEXT, PING_TEXT), data)
        assert await wire.read() == (TEXT, b'{"type":"pong"}'), "what came before counts"
        assert await wire.read_end() == code
        wire.write(frame(CLOSE, struct.pack("!H", 1000)))
        async with asyncio.timeout(30):
            assert await wire.reader.read() == b""
    other.write(frame(TEXT, PING_TEXT))
    assert await other.read() == (TEXT, b'{"type":"pong"}')


@pytest.fixture
async def neighbour(world: World) -> AsyncIterator[tuple[Person, Wire]]:
    person = await world.make_person()
    async with open_socket(world, person) as wire:
        yield person, wire


async def test_exactly_64_kib_is_taken(world: World) -> None:
    """Also in fragments, with a ping between them and a character split across them."""
    person = await world.make_person()
    async with open_socket(world, person) as wire:
        start = '{"type":"ping","x":"☃'.encode()
        end = b'"}'
        whole = start + b"x" * (65_536 - len(start) - len(end)) + end
        wire.write(frame(TEXT, whole))
        assert await wire.read() == (TEXT, b'{"type":"pong"}')
        cut = len(start) - 1
        wire.write(
            frame(TEXT, whole[:cut], fin=False),
            frame(PING, b"are you there"),
            frame(CONTINUATION, whole[cut:]),
        )
        answers = {await wire.read(), await wire.read()}
        assert answers == {(PONG, b"are you there"), (TEXT, b'{"type":"pong"}')}


async def test_a_close_is_echoed(world: World) -> None:
    """A close by the client is answered with its code, and the connection ends."""
    person = await world.make_person()
    async with open_socket(world, person) as wire:
        wire.write(frame(CLOSE, struct.pack("!H", 1000) + b"bye"))
        assert await wire.read() == (CLOSE, struct.pack("!H", 1000) + b"bye")
        assert await wire.reader.read() == b""


@pytest.mark.parametrize(
    "first",
    [
        b"hello",
        b'{"type":"ping"}',
        b'{"type":"connect"}',
        b'{"type":"connect","token":null}',
        b'{"type":"connect","token":"x","resume":[]}',
        b'{"type":"connect","token":"x","resume":{"nonsense":1}}',
        b'{"type":"connect","token":"x","resume":{"0192d3a4-0000-7000-8000-000000000001":-1}}',
        b'{"type":"connect","token":"x","resume":null}',
        b'{"type":"connect","token":"x","epoch":null}',
        b'{"type":"connect","token":"x","resume":{%s}}'
        % b",".join(b'"0192d3a4-0000-7000-8000-%012x":1' % n for n in range(1001)),
    ],
)
async def test_a_malformed_first_frame_is_a_protocol_error(world: World, first: bytes) -> None:
    """Anything but a well-formed `connect` closes the socket with 4501."""
    async with open_wire(world) as wire:
        assert (await wire.ask(request())).status == 101
        wire.write(frame(TEXT, first))
        assert await wire.read_end() == 4501


async def test_a_thousand_chats_may_be_resumed(world: World) -> None:
    """1,000 is the limit, not 999."""
    person = await world.make_person()
    resume = {new_id(): 1 for _ in range(1000)}
    async with world.connect(person, resume=resume) as socket:
        assert socket.ready["behind"] == []


@pytest.mark.parametrize(
    "line",
    [
        {"type": "nope"},
        {"type": 5},
        {},
        {"type": "typing"},
        {"type": "typing", "chat": "nonsense"},
        {"type": "refresh"},
        {"type": "send", "chat": new_id(), "clientId": new_id(), "message": "a\0b"},
    ],
)
async def test_a_bad_object_is_an_error_and_the_socket_goes_on(
    world: World, line: dict[str, object]
) -> None:
    """Unknown types and invalid fields are refused; lines around them are processed."""
    person = await world.make_person()
    async with world.connect(person) as socket:
        await socket.say({"type": "ping"}, line, {"type": "ping"})
        heard = [await socket.hear() for _ in range(3)]
        assert [frame["type"] for frame in heard] == ["pong", "error", "pong"]
        assert heard[1]["code"] == "invalid_request"


async def test_lone_surrogates_and_deep_nesting_are_errors(world: World) -> None:
    """Valid JSON that msgspec cannot decode does not close the socket."""
    person = await world.make_person()
    async with world.connect(person) as socket:
        chat, key = new_id(), new_id()
        send = f'{{"type":"send","chat":"{chat}","clientId":"{key}","message":"\\ud800"}}'
        await socket.say(send)
        error = await socket.hear()
        assert (error["code"], error["chat"], error["clientId"]) == ("invalid_request", chat, key)
        await socket.say('{"type":"ping","x":' + "[" * 40 + "]" * 40 + "}")
        assert (await socket.hear())["code"] == "invalid_request"
        await socket.say('{"type":"ping","x":' + "[" * 31 + "]" * 31 + "}")
        assert (await socket.hear())["type"] == "pong"
