"""Whatever bytes a client sends, its connection closes cleanly or continues, and nothing breaks."""

import base64
import struct

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.protocol.frames import Connect, Refresh, Send, Typing
from realtime.protocol.handshake import Upgrade
from realtime.protocol.session import SEND_EOF, Session, State
from tests.fixtures.hostile import cut, mask_frame, read_frames, streams

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat.v1\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
).encode()
CONNECT = b'{"type":"connect","token":"t"}'
# Codes allowed in a close frame: RFC 6455 section 7.4. A client's own code is echoed.
CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
MAX_ANSWERS_A_BYTE = 1  # an answer is an error or a pong, for a line of two bytes at least


@settings(max_examples=250, deadline=None)
@given(
    stream=streams,
    cuts=st.lists(st.integers(0, 200_000), max_size=6),
    is_ready=st.booleans(),
)
def test_no_bytes_break_a_session(stream: list[bytes], cuts: list[int], is_ready: bool) -> None:
    """Every request is well-formed, every answer is a frame, and a close has a code of the
    table."""
    session = Session(0.0, [None], 20.0, 200)
    session.receive(HANDSHAKE, 0.0)
    session.accept(0.0)
    session.take_output()
    connect = mask_frame(0x81, CONNECT, len(CONNECT), b"abcd", True)
    wishes, said = [], []
    for piece in cut((connect if is_ready else b"") + b"".join(stream), cuts):
        for wish in session.receive(piece, 1.0):
            wishes.append(wish)
            if isinstance(wish, Connect):
                session.welcome(900.0, 1.0)
                wishes += session.go_ready(1.0)
        while session.has_more:
            wishes += session.read_on(1.0)
        said += [out for out in session.take_output() if out != SEND_EOF]
    assert all(isinstance(wish, Connect | Send | Typing | Refresh) for wish in wishes)
    assert sum(isinstance(wish, Connect) for wish in wishes) <= 1
    assert not wishes or isinstance(wishes[0], Connect)
    frames = read_frames(b"".join(said))
    assert len(frames) <= len(b"".join(stream)) * MAX_ANSWERS_A_BYTE
    for opcode, payload in frames:
        if opcode == 0x1:
            assert all(msgspec.json.decode(line)["type"] for line in payload.split(b"\n"))
    closes = [payload for opcode, payload in frames if opcode == 0x8]
    assert len(closes) <= 1
    if closes and closes[0]:
        assert struct.unpack("!H", closes[0][:2])[0] in CODES
    if session.state is State.ENDING:
        assert session.receive(b"more", 1.0) == []
        session.tick(100.0)
        assert session.must_abort


heads = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda at, junk, length: HANDSHAKE[:at] + junk + HANDSHAKE[at + length :],
        st.integers(0, len(HANDSHAKE)),
        st.binary(max_size=40),
        st.integers(0, 60),
    ),
    st.lists(st.sampled_from(HANDSHAKE.split(b"\r\n")), max_size=12).map(
        lambda found: b"\r\n".join([*found, b"", b""])
    ),
)


@settings(max_examples=250, deadline=None)
@given(head=heads, cuts=st.lists(st.integers(0, 1000), max_size=4))
def test_no_request_breaks_a_handshake(head: bytes, cuts: list[int]) -> None:
    """It is upgraded, refused with an HTTP response, or waits for the rest until it times out."""
    session = Session(0.0, [None], 20.0, 200)
    for piece in cut(head, cuts):
        for wish in session.receive(piece, 0.0):
            assert isinstance(wish, Upgrade)
            session.accept(0.0)
            session.take_output()
            return
    out = [data for data in session.take_output() if data != SEND_EOF]
    if session.state is State.ENDING:
        assert out[0].startswith(b"HTTP/1.1 4")
    else:
        assert out == []
    session.tick(11.0)
    assert session.must_abort
