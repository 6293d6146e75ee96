"""RFC 6455, section by section: what a client may send, what it may not, and the answer.

A row is what a ready connection receives and what the server sends. A real node is tested with the
same rules in tests/contract/realtime/test_framing.py.
"""

import base64
import struct

import pytest

from realtime.protocol.handshake import Upgrade
from realtime.protocol.session import SEND_EOF, Session, State
from tests.fixtures.hostile import mask_frame, read_frames
from tests.unit.realtime.test_session import HANDSHAKE, ready_session

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
HELLO = b'{"type":"ping"}'
HELLO_BACK = (TEXT, b'{"type":"pong"}')
SNOWMAN = '{"type":"ping","x":"☃"}'.encode()
Frames = list[tuple[int, bytes]]


def frame(head: int, payload: bytes = b"", *, is_masked: bool = True) -> bytes:
    return mask_frame(head, payload, len(payload), b"\x01\x02\x03\x04", is_masked)


def claim(short: int, size: bytes, payload: bytes = b"") -> bytes:
    """A text frame with an arbitrary declared length; its mask is zero."""
    return bytes([FIN | TEXT, 0x80 | short]) + size + bytes(4) + payload


def code(number: int) -> bytes:
    return struct.pack("!H", number)


def end(number: int) -> tuple[int, bytes]:
    return CLOSE, code(number)


ROWS: list[tuple[str, str, bytes, Frames]] = [
    # section, rule, what the client sends, what it gets (close reasons are left out)
    ("5.1", "client frames are masked", frame(FIN | TEXT, HELLO, is_masked=False), [end(1002)]),
    ("5.1", "client control frames too", frame(FIN | PING, is_masked=False), [end(1002)]),
    ("5.2", "RSV1 is 0 without an extension", frame(FIN | RSV1 | TEXT, HELLO), [end(1002)]),
    ("5.2", "RSV2 is 0", frame(FIN | RSV2 | TEXT, HELLO), [end(1002)]),
    ("5.2", "RSV3 is 0", frame(FIN | RSV3 | TEXT, HELLO), [end(1002)]),
    *[("5.2", f"opcode {n:#x} is reserved", frame(FIN | n), [end(1002)]) for n in (3, 4, 5, 6, 7)],
    *[("5.2", f"opcode {n:#x} is reserved", frame(FIN | n), [end(1002)]) for n in range(11, 16)],
    ("5.2", "a length of 125 takes no more bytes", claim(125, b"", HELLO.ljust(125)), [HELLO_BACK]),
    ("5.2", "126 takes two", claim(126, struct.pack("!H", 126), HELLO.ljust(126)), [HELLO_BACK]),
    ("5.2", "125 takes not two", claim(126, struct.pack("!H", 125), HELLO.ljust(125)), [end(1002)]),
    ("5.2", "65,535 takes not eight", claim(127, struct.pack("!Q", 65_535)), [end(1002)]),
    ("5.2", "65,536 takes eight", claim(127, struct.pack("!Q", 65_536), HELLO.ljust(65_536)),
     [HELLO_BACK]),
    ("5.2", "the highest bit of a length is 0", claim(127, struct.pack("!Q", 1 << 63)),
     [end(1009)]),
    ("5.4", "fragments are one message",
     frame(TEXT, HELLO[:3]) + frame(CONT, HELLO[3:9]) + frame(FIN | CONT, HELLO[9:]), [HELLO_BACK]),
    ("5.4", "fragments may be empty",
     frame(TEXT) + frame(CONT) + frame(FIN | CONT, HELLO), [HELLO_BACK]),
    ("5.4", "control frames may stand between them",
     frame(TEXT, HELLO[:3]) + frame(FIN | PING, b"x") + frame(FIN | CONT, HELLO[3:]),
     [(PONG, b"x"), HELLO_BACK]),
    ("5.4", "a continuation continues something", frame(FIN | CONT, HELLO), [end(1002)]),
    ("5.4", "a first fragment of nothing", frame(CONT, HELLO), [end(1002)]),
    ("5.4", "no message within another", frame(TEXT, b"{") + frame(FIN | TEXT, HELLO), [end(1002)]),
    ("5.4", "nor begins within another", frame(TEXT, b"{") + frame(TEXT, HELLO), [end(1002)]),
    ("5.5", "control frames have 125 bytes", frame(FIN | PING, b"x" * 125), [(PONG, b"x" * 125)]),
    ("5.5", "and not 126", frame(FIN | PING, b"x" * 126), [end(1002)]),
    ("5.5", "a close neither", frame(FIN | CLOSE, code(1000) + b"x" * 124), [end(1002)]),
    ("5.5", "control frames are whole", frame(PING, b"x"), [end(1002)]),
    ("5.5", "a close too", frame(CLOSE, code(1000)), [end(1002)]),
    ("5.5.1", "a close is answered", frame(FIN | CLOSE, code(1000)), [end(1000)]),
    ("5.5.1", "one without a code too", frame(FIN | CLOSE), [(CLOSE, b"")]),
    ("5.5.1", "one byte is no code", frame(FIN | CLOSE, b"\x03"), [end(1002)]),
    ("5.5.1", "a reason is UTF-8", frame(FIN | CLOSE, code(1000) + b"\xff"), [end(1007)]),
    ("5.5.1", "nothing counts after a close",
     frame(FIN | CLOSE, code(1000)) + frame(FIN | TEXT, HELLO), [end(1000)]),
    ("5.5.2", "a ping is answered with its payload", frame(FIN | PING, b"\x00\xff"),
     [(PONG, b"\x00\xff")]),
    ("5.5.2", "every ping", frame(FIN | PING, b"a") + frame(FIN | PING, b"b"),
     [(PONG, b"a"), (PONG, b"b")]),
    ("5.5.3", "a pong that nobody asked for is ignored", frame(FIN | PONG, b"x"), []),
    ("5.6", "binary messages are none of this subprotocol's", frame(FIN | BINARY), [end(4501)]),
    ("5.6", "neither in fragments", frame(BINARY), [end(4501)]),
    *[("7.4", f"{n} may be sent", frame(FIN | CLOSE, code(n)), [end(n)])
      for n in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)],
    *[("7.4", f"{n} may not", frame(FIN | CLOSE, code(n)), [end(1002)])
      for n in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535)],
    ("8.1", "text is UTF-8", frame(FIN | TEXT, b'{"type":"ping","x":"\xc3"}'), [end(1007)]),
    ("8.1", "without surrogates", frame(FIN | TEXT, b'{"x":"\xed\xa0\x80"}'), [end(1007)]),
    ("8.1", "in its shortest form", frame(FIN | TEXT, b'{"x":"\xc0\xaf"}'), [end(1007)]),
    ("8.1", "up to U+10FFFF", frame(FIN | TEXT, b'{"x":"\xf4\x90\x80\x80"}'), [end(1007)]),
    ("8.1", "a character may be cut by fragments",
     frame(TEXT, SNOWMAN[:21]) + frame(FIN | CONT, SNOWMAN[21:]), [HELLO_BACK]),
    ("8.1", "a bad one is refused before the last fragment", frame(TEXT, b'"\xff'), [end(1007)]),
    ("8.1", "and must be whole at the end",
     frame(TEXT, SNOWMAN[:21]) + frame(FIN | CONT), [end(1007)]),
    ("10.4", "64 KiB and a byte are too much", frame(FIN | TEXT, b" " * 65_537), [end(1009)]),
    ("10.4", "all fragments together",
     frame(TEXT, b" " * 40_000) + frame(FIN | CONT, b" " * 25_537), [end(1009)]),
]  # fmt: skip


def answers(session: Session) -> Frames:
    """The frames it has sent, with closes as codes only."""
    frames = read_frames(b"".join(d for d in session.take_output() if d != SEND_EOF))
    return [(opcode, data[:2] if opcode == CLOSE else data) for opcode, data in frames]


@pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(
    ("data", "expected"), [r[2:] for r in ROWS], ids=[f"{r[0]} {r[1]}" for r in ROWS]
)
def test_frames(data: bytes, expected: Frames, is_cut: bool) -> None:
    """The row holds however the network splits it; a violation ends the connection."""
    if is_cut and len(data) > 300:
        pieces = [data[:5], data[5:11], data[11:]]
    else:
        pieces = [bytes([b]) for b in data] if is_cut else [data]
    session = ready_session()
    for piece in pieces:
        session.receive(piece, 1.0)
    # Pongs of the protocol and those of our API have no order among them.
    assert sorted(answers(session)) == sorted(expected)
    is_over = any(opcode == CLOSE for opcode, _ in expected)
    assert (session.state is State.ENDING) is is_over


KEY = base64.b64encode(bytes(16))
REQUESTS: list[tuple[str, str, bytes, bytes, int]] = [
    # section, rule, what is replaced in a valid request, by what, the status
    ("4.1", "a good one", b"", b"", 101),
    ("4.1", "HTTP/1.1 at least", b"HTTP/1.1", b"HTTP/1.0", 400),
    ("4.1", "a GET", b"GET", b"POST", 405),
    ("4.1", "a Host", b"Host: x\r\n", b"", 400),
    ("4.1", "names in any case", b"Upgrade: websocket", b"uPGRADE: WebSocket", 101),
    ("4.1", "Connection may hold more", b"Connection: ", b"Connection: keep-alive, ", 101),
    ("4.1", "Upgrade is websocket", b"Upgrade: websocket", b"Upgrade: h2c", 426),
    ("4.1", "there is a key", b"Sec-WebSocket-Key", b"X-Key", 400),
    ("4.1", "of 16 bytes", KEY, base64.b64encode(bytes(15)), 400),
    ("4.1", "in base64", KEY, b"!" * 24, 400),
    ("4.1", "one", b"Host: x", b"Host: x\r\nSec-WebSocket-Key: " + KEY, 400),
    ("4.2.1", "version 13", b"Version: 13", b"Version: 12", 400),
    ("4.2.1", "that is named", b"Sec-WebSocket-Version", b"X-Version", 400),
    ("4.2.2", "a subprotocol that we speak", b"chat.v1", b"chat.v2", 400),
    ("4.2.2", "extensions may be offered, none is taken", b"Host: x",
     b"Host: x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", 101),
    ("4.1", "nothing before the answer", b"\r\n\r\n", b"\r\n\r\n\x81\x80abcd", 400),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "status"), [r[2:] for r in REQUESTS], ids=[f"{r[0]} {r[1]}" for r in REQUESTS]
)
def test_requests(old: bytes, new: bytes, status: int) -> None:
    """A valid handshake is upgraded; all others are refused and end."""
    session = Session(0.0, [None], 20.0, 3)
    for wish in session.receive(HANDSHAKE.replace(old, new, 1), 0.0):
        assert isinstance(wish, Upgrade)
        session.accept(0.0)
    head = session.take_output()[0]
    assert int(head.split(b" ")[1]) == status
    assert (session.state is State.ENDING) is (status != 101)
    if status == 101:
        assert b"Sec-WebSocket-Extensions" not in head
