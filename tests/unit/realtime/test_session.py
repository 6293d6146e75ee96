"""The protocol of one connection, with a simulated clock."""

import base64
import struct
from typing import Any

import msgspec
import pytest

from common.protocol.close_codes import CloseCode
from common.protocol.frames import Connect, Send, Typing
from realtime.protocol.handshake import Upgrade
from realtime.protocol.session import FRAMES_A_TURN, SEND_EOF, Session, State

CHAT = "01890a5d-ac96-774b-bcce-b302099a8057"
HANDSHAKE = (
    "GET /ws?x=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat.v1\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
).encode()


def text(*lines: object) -> bytes:
    """A client's text frame; its mask is zero."""
    encoded = [line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines]
    return client_frame(0x81, b"\n".join(encoded))


def client_frame(head: int, payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes([head, 0x80 | len(payload)]) + bytes(4) + payload
    return bytes([head, 0x80 | 126]) + struct.pack("!H", len(payload)) + bytes(4) + payload


def said(session: Session) -> list[Any]:
    """What the server has sent: objects, `ping`, and close codes."""
    found: list[Any] = []
    data = b"".join(session.take_output())
    while data:
        opcode, size, start = data[0] & 0x0F, data[1], 2
        if size == 126:
            size, start = struct.unpack("!H", data[2:4])[0], 4
        payload, data = data[start : start + size], data[start + size :]
        if opcode == 0x8:
            found.append(struct.unpack("!H", payload[:2])[0])
        elif opcode == 0x9:
            found.append("ping")
        else:
            found += [msgspec.json.decode(line) for line in payload.split(b"\n")]
    return found


def open_session(*, max_refused: int = 3) -> Session:
    """Upgraded at 0 s; it pings every 20 s."""
    session = Session(0.0, [None], 20.0, max_refused)
    assert session.receive(HANDSHAKE, 0.0) == [Upgrade("GET", "/ws", "")]
    session.accept(0.0)
    assert session.take_output()[0].startswith(b"HTTP/1.1 101")
    return session


def ready_session(*, max_refused: int = 3, seconds_left: float = 900.0) -> Session:
    session = open_session(max_refused=max_refused)
    assert session.receive(text({"type": "connect", "token": "t"}), 0.0) == [Connect(token="t")]
    session.welcome(seconds_left, 0.0)
    assert session.go_ready(0.0) == []
    return session


def test_wishes_come_in_order_and_pings_are_answered_at_once() -> None:
    """Several objects in a frame are several requests."""
    session = ready_session()
    send = {"type": "send", "chat": CHAT, "clientId": CHAT, "message": "hi"}
    wishes = session.receive(text({"type": "typing", "chat": CHAT}, {"type": "ping"}, send), 1.0)
    assert wishes == [Typing(chat=CHAT), Send(chat=CHAT, client_id=CHAT, message="hi")]
    assert said(session) == [{"type": "pong"}]


def test_a_handshake_that_does_not_come_is_cut_off() -> None:
    """Ten seconds for the request, without an answer."""
    session = Session(0.0, [None], 20.0, 3)
    session.receive(HANDSHAKE[:30], 1.0)
    session.tick(9.9)
    assert not session.must_abort
    session.tick(session.due)
    assert session.must_abort


def test_who_does_not_connect_is_ended() -> None:
    """4010 ten seconds after the upgrade; a client that does not answer that is cut off."""
    session = open_session()
    session.tick(9.9)
    assert said(session) == []
    session.tick(10.0)
    assert said(session) == [4010]
    session.tick(session.due)
    assert session.must_abort


def test_a_pong_in_time_keeps_the_connection() -> None:
    """A ping, its answer, the next ping; without an answer 4006 after ten seconds."""
    session = ready_session()
    assert session.due == 20.0
    session.tick(20.0)
    assert said(session) == ["ping"]
    session.receive(client_frame(0x8A, b""), 29.0)
    session.tick(49.0)
    assert said(session) == ["ping"]
    session.tick(58.9)
    assert said(session) == []
    session.tick(59.0)
    assert said(session) == [4006]


def test_the_token_runs_out() -> None:
    """`expiring` a minute before, 4003 five seconds after; a refresh moves both."""
    session = ready_session(seconds_left=70.0)
    session.tick(10.0)
    assert said(session) == [{"type": "expiring", "seconds": 60}]
    assert session.prolong(900.0, 30.0) == 900.0
    session.receive(client_frame(0x8A, b""), 30.0)
    session.tick(76.0)
    assert 4003 not in said(session)
    session = ready_session(seconds_left=12.0)
    session.tick(1.0)
    assert said(session) == [{"type": "expiring", "seconds": 11}]
    session.tick(17.0)
    assert said(session) == [4003]


def test_no_notice_comes_before_ready() -> None:
    """`ready` is always the first line, even on a socket whose token is about to expire."""
    session = open_session()
    session.receive(text({"type": "connect", "token": "t"}), 0.0)
    session.welcome(12.0, 0.0)
    session.tick(1.0)
    assert said(session) == []
    session.go_ready(1.5)
    assert session.due == -48.0
    session.tick(2.0)
    assert said(session) == [{"type": "expiring", "seconds": 10}]


def test_what_comes_before_ready_waits() -> None:
    """Including what follows `connect` in its own frame, and a line that will end the
    connection."""
    session = open_session()
    connect = {"type": "connect", "token": "t"}
    assert len(session.receive(text(connect, {"type": "ping"}), 0.0)) == 1
    assert session.receive(text({"type": "typing", "chat": CHAT}, b"nonsense"), 0.0) == []
    assert said(session) == []
    assert session.waiting_bytes > 0
    assert session.go_ready(1.0) == [Typing(chat=CHAT)]
    assert said(session) == [{"type": "pong"}, 4501]
    assert session.state is State.ENDING


def test_flooding_is_counted_in_a_window() -> None:
    """More than the limit of refused frames within ten seconds ends it; after that the count
    restarts."""
    session = ready_session(max_refused=3)
    session.receive(text(*[{"type": "x"}] * 3), 1.0)
    session.receive(text(*[{"type": "x"}] * 3), 11.5)
    assert [frame["code"] for frame in said(session)] == ["invalid_request"] * 6
    session.receive(text({"type": "x"}), 12.0)
    assert said(session)[-1] == CloseCode.FLOODING


def test_flooding_is_counted_in_any_ten_seconds() -> None:
    """Not only in those that start with the first refused frame."""
    session = ready_session(max_refused=3)
    session.receive(text({"type": "x"}), 1.0)
    session.receive(text(*[{"type": "x"}] * 2), 10.5)
    session.receive(text({"type": "x"}), 11.5)
    assert [frame["code"] for frame in said(session)] == ["invalid_request"] * 4
    session.receive(text({"type": "x"}), 12.0)
    assert said(session)[-1] == CloseCode.FLOODING


def test_nothing_is_said_after_the_end() -> None:
    """Late answers are dropped, and input is not read any more."""
    session = ready_session()
    session.end(CloseCode.DRAINING, "100", 1.0)
    session.send(b"late")
    assert session.receive(text({"type": "ping"}), 1.0) == []
    assert said(session) == [4001]
    session.receive(client_frame(0x88, struct.pack("!H", 4001)), 2.0)
    assert SEND_EOF in session.take_output()
    assert session.end_code == CloseCode.DRAINING


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02", b"GET /ws\r\n\r\n", b"GET / HTTP/9\r\n\r\n"])
def test_what_is_no_http_is_refused(data: bytes) -> None:
    """Bytes that are not a request are answered all the same, and the connection ends."""
    session = Session(0.0, [None], 20.0, 3)
    assert session.receive(data, 0.0) == []
    out = session.take_output()
    assert out[0].startswith(b"HTTP/1.1 4")
    assert out[-1] == SEND_EOF
    assert session.receive(HANDSHAKE, 0.0) == []


def test_head_is_a_get_without_an_upgrade() -> None:
    """426, and no body."""
    session = Session(0.0, [None], 20.0, 3)
    session.receive(HANDSHAKE.replace(b"GET", b"HEAD"), 0.0)
    session.accept(0.0)
    answer = session.take_output()[0]
    assert answer.startswith(b"HTTP/1.1 426")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "target", [b"http://x/ws", b"HTTPS://chat.example.org:8443/ws", b"http://x/ws?y=http://z/ws"]
)
def test_a_request_may_name_its_whole_address(target: bytes) -> None:
    """RFC 6455, 4.2.1: like a request to a proxy."""
    session = Session(0.0, [None], 20.0, 3)
    assert session.receive(HANDSHAKE.replace(b"/ws", target, 1), 0.0) == [Upgrade("GET", "/ws", "")]
    session.accept(0.0)
    assert session.take_output()[0].startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("body", [b"hello", b"x" * 50_000])
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_body_is_ignored_where_no_upgrade_is_asked(body: bytes, size: int) -> None:
    """426, however it is sent."""
    session = Session(0.0, [None], 20.0, 3)
    head = HANDSHAKE.replace(b"Upgrade: websocket", b"Content-Length: %d" % len(body))
    data = head + body
    wishes = [
        wish
        for start in range(0, len(data), size)
        for wish in session.receive(data[start : start + size], 0.0)
    ]
    assert wishes == [Upgrade("GET", "/ws", "")]
    session.accept(0.0)
    assert session.take_output()[0].startswith(b"HTTP/1.1 426")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_may_come_byte_by_byte(method: str) -> None:
    """The result does not depend on how the network splits it."""
    session = Session(0.0, [None], 20.0, 3)
    request = HANDSHAKE.replace(b"GET", method.encode(), 1)
    wishes = [wish for byte in request for wish in session.receive(bytes([byte]), 0.0)]
    assert wishes == [Upgrade(method, "/ws", "")]


@pytest.mark.parametrize("start", [b"POST /ws", b"P", b"GETS", b"\x16\x03", b" GET", b"HEADER "])
def test_another_method_is_refused_as_soon_as_it_shows(start: bytes) -> None:
    """405, before the rest of the request arrives."""
    session = Session(0.0, [None], 20.0, 3)
    for byte in start:
        session.receive(bytes([byte]), 0.0)
    assert session.take_output()[0].startswith(b"HTTP/1.1 405")


def test_an_answer_to_a_socket_that_is_gone_is_dropped() -> None:
    """After a reset there is nobody to write to, whatever was in progress."""
    session = ready_session()
    session.release()
    session.send(b"an answer")
    assert session.state is State.ENDING
    assert session.take_output() == []


@pytest.mark.parametrize(
    "flood", [b"\x00\x80", b"\x89\x80", b"\x8a\x80"], ids=["empty", "ping", "pong"]
)
def test_a_flood_is_read_in_turns_and_ends(flood: bytes) -> None:
    """Of forty thousand empty fragments, pings or unsolicited pongs in one read, only a fixed
    number are processed at a time; they count as refused frames."""
    session = ready_session(max_refused=200)
    session.receive(client_frame(0x01, b""), 1.0)
    session.receive((flood + bytes(4)) * 40_000, 1.0)
    turns = 1
    while session.state is State.READY:
        assert session.has_more
        session.read_on(1.0)
        turns += 1
    assert turns == 200 // FRAMES_A_TURN + 1
    assert session.end_code == CloseCode.FLOODING


def test_a_message_of_very_many_fragments_is_a_message() -> None:
    """Fragments that are not empty do not count as a flood, however many: their total is
    bounded."""
    session = ready_session()
    message = b'{"type":"ping"}'.ljust(30_000)
    frames = [client_frame(0x00, message[at : at + 1]) for at in range(1, len(message) - 1)]
    data = client_frame(0x01, message[:1]) + b"".join(frames) + client_frame(0x80, message[-1:])
    session.receive(data, 1.0)
    while session.has_more:
        assert said(session) == []
        session.read_on(1.0)
    assert said(session) == [{"type": "pong"}]


def test_what_is_read_in_turns_keeps_its_order() -> None:
    """Many lines in a frame, an invalid one in the middle, frames after it: all before it are
    processed."""
    session = ready_session()
    number = 5 * FRAMES_A_TURN // 2
    typing = {"type": "typing", "chat": CHAT}
    wishes = session.receive(
        text(*[typing] * number) + text(*[typing] * 3, b"x") + text(typing), 1.0
    )
    assert 0 < len(wishes) <= FRAMES_A_TURN
    while session.has_more:
        wishes += session.read_on(1.0)
    assert wishes == [Typing(chat=CHAT)] * (number + 3)
    assert said(session) == [4501]


def test_a_frame_may_come_byte_by_byte() -> None:
    """Heads and payloads that are split anywhere are read as if they had arrived at once."""
    session = ready_session()
    data = text({"type": "ping"}) * 2 + client_frame(0x81, b'{"type":"ping"}'.ljust(300))
    for at in range(len(data)):
        session.receive(data[at : at + 1], 1.0)
    assert said(session) == [{"type": "pong"}] * 3
