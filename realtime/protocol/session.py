"""One connection's protocol as a state machine: bytes in, wishes and bytes out. No I/O.

    HANDSHAKE ── accept ──▶ GREETING ── connect ──▶ JOINING ── go_ready ──▶ READY
        │ refuse                │                       │                     │
        └───────────────────────┴────────── end ────────┴─────────────────────┴──▶ ENDING

It knows RFC 6455 (through websockets' Sans-I/O layer), frames and time-outs; it knows no chat, no
other connection and no token. Times are seconds of any monotonic clock, given by the caller.
"""

import logging
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol
from websockets.protocol import State as WireState

from common.protocol.close_codes import CloseCode
from common.protocol.errors import Refusal
from common.protocol.frames import AnyClientFrame, Connect, Expiring, Ping
from common.protocol.limits import MAX_CLIENT_MESSAGE_BYTES
from realtime.protocol.client_frames import NotAnObject, Refused, is_well_formed, read_line
from realtime.protocol.frames import PING, PONG, encode_frame, error_frame
from realtime.protocol.handshake import Upgrade, http_refusal
from realtime.protocol.incoming import Incoming, WastefulLength
from realtime.protocol.opening import Opening
from realtime.protocol.refusals import Refusals
from realtime.protocol.texts import Texts, is_utf8

HANDSHAKE_TIMEOUT_SECONDS: Final = 10.0
CONNECT_TIMEOUT_SECONDS: Final = 10.0
CLOSE_TIMEOUT_SECONDS: Final = 5.0
PONG_TIMEOUT_SECONDS: Final = 10.0
EXPIRY_NOTICE_SECONDS: Final = 60.0
EXPIRY_GRACE_SECONDS: Final = 5.0
# Of one client, before all others have their turn.
FRAMES_A_TURN: Final = 64
SEND_EOF: Final = b""
_NEVER: Final = float("inf")
_quiet = logging.getLogger("websockets")


Wish = Upgrade | AnyClientFrame


class State(Enum):
    HANDSHAKE = auto()
    GREETING = auto()
    JOINING = auto()
    READY = auto()
    ENDING = auto()


class Session:
    """`ping_seconds` should differ between connections, so that their pings spread."""

    __slots__ = (
        "_deadline", "_expiry", "_incoming", "_max_refused", "_notice", "_opening", "_out",
        "_ping_due", "_ping_seconds", "_pong_due", "_refusals", "_texts", "_ws", "end_code",
        "must_abort", "state",
    )  # fmt: skip

    def __init__(
        self,
        now: float,
        origins: Sequence[str | None],
        ping_seconds: float,
        max_refused: int,
    ) -> None:
        self.state = State.HANDSHAKE
        self.end_code = 0  # why we ended it, or the client's code; 0 = no close frame
        self.must_abort = False  # the other side does not answer: cut it off
        self._ws: Protocol | None = None  # most sockets send nothing that needs it
        self._out: list[bytes] = []
        self._opening: Opening | None = Opening(origins)
        self._incoming = Incoming()
        self._deadline = now + HANDSHAKE_TIMEOUT_SECONDS
        self._ping_seconds = ping_seconds
        self._ping_due = self._pong_due = self._notice = self._expiry = _NEVER
        self._texts = Texts()
        self._max_refused = max_refused
        self._refusals: Refusals | None = None  # likewise until a frame is refused

    # ---- bytes from the client

    def receive(self, data: bytes, now: float) -> list[Wish]:
        """The first of the client's requests in these bytes, in order; `read_on` has the rest."""
        if self._opening is not None:
            return self._read_request(self._opening, data)
        self._incoming.add(data)
        return self.read_on(now)

    def read_on(self, now: float) -> list[Wish]:
        """The requests in at most FRAMES_A_TURN more frames and lines."""
        wishes: list[Wish] = []
        budget = FRAMES_A_TURN
        while budget > 0:
            if self._texts.size and self.state is not State.JOINING:
                budget -= self._hear_waiting(budget, wishes, now)
            elif self._incoming.size:
                budget -= self._read_frame(wishes, now)
            else:
                break
        return wishes

    @property
    def has_more(self) -> bool:
        """Whether `read_on` has something to do before the client sends more."""
        return self._incoming.size > 0 or (self._texts.size > 0 and self.state is not State.JOINING)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the client has sent and that are not processed yet."""
        return self._texts.size

    def _read_request(self, opening: Opening, data: bytes) -> list[Wish]:
        if self.end_code:
            return []  # refused before the upgrade
        read = opening.read(data)
        if isinstance(read, Refusal):
            self.refuse_handshake(read)
        return [read] if isinstance(read, Upgrade) else []

    def receive_eof(self) -> None:
        if self._ws is not None:
            self._ws.receive_eof()

    def take_output(self) -> list[bytes]:
        """What to write now; SEND_EOF means: close our side."""
        out, ws = self._out, self._ws
        if out:
            self._out = []
        return out if ws is None or not ws.writes else out + ws.data_to_send()

    def _library(self) -> Protocol:
        """The WebSocket library's part of an open connection: 2 kB."""
        if self._ws is None:
            self._ws = Protocol(
                SERVER, state=WireState.OPEN, max_size=MAX_CLIENT_MESSAGE_BYTES, logger=_quiet
            )
        return self._ws

    def _notice_wire_end(self, ws: Protocol, now: float) -> None:
        """The library may have ended it: a broken rule, or the client's own close."""
        if self.state is not State.ENDING and ws.state in (WireState.CLOSING, WireState.CLOSED):
            ended = ws.close_sent or ws.close_rcvd
            self._enter_ending(int(ended.code) if ended else 1006, now)

    # ---- the handshake

    def accept(self, now: float) -> None:
        """Upgrades, or refuses as RFC 6455, the origins and the subprotocol require."""
        opening = self._opening
        assert opening is not None
        answer = opening.accept()
        if isinstance(answer, Refusal):
            self.refuse_handshake(answer, with_body=not opening.is_head)
            return
        self._out.append(answer)
        opening.release()
        self._opening = None
        self.state = State.GREETING
        self._deadline = now + CONNECT_TIMEOUT_SECONDS
        self._ping_due = now + self._ping_seconds

    def refuse_handshake(self, refusal: Refusal, *, with_body: bool = True) -> None:
        """Answers with the refusal instead of an upgrade."""
        if self.state is State.ENDING:
            return
        self._out += [http_refusal(refusal, with_body=with_body), SEND_EOF]
        self.state = State.ENDING
        self.end_code = refusal.status

    # ---- frames from the client

    def _read_frame(self, wishes: list[Wish], now: float) -> int:
        """Reads the next frame, or the part that has arrived; returns how many frames and lines
        were read. Whole texts bypass the library, and so do pongs as long as it has seen nothing.
        """
        if not self._texts.has_fragments and self.state is not State.ENDING:
            text = self._incoming.take_text()
            if text is not None:
                return self._take_whole(text, wishes, now)
            if self._ws is None and self._incoming.take_pong():
                self._take_pong(now)
                return 1
        ws = self._library()
        try:
            ws.receive_data(self._incoming.take())
        except WastefulLength:
            self._incoming.clear()
            if self.state is not State.ENDING:
                self._fail(CloseCode.RFC_PROTOCOL_ERROR, now)
            return 1
        for event in ws.events_received():
            if isinstance(event, Frame) and self.state is not State.ENDING:
                self._take_frame(event, now)
        self._notice_wire_end(ws, now)
        return 1

    def _take_whole(self, text: bytes, wishes: list[Wish], now: float) -> int:
        """A message of one line, as almost all are, is processed at once."""
        if self.state is State.JOINING or b"\n" in text or not is_utf8(text):
            self._take_text(text, is_last=True, now=now)
            return 1
        self._hear(text, wishes, now)
        return 2

    def _take_frame(self, frame: Frame, now: float) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            self._take_text(bytes(frame.data), is_last=frame.fin, now=now)
        elif frame.opcode is Opcode.BINARY:
            self.end(CloseCode.PROTOCOL_ERROR, "binary frames are not used", now)
        elif frame.opcode is Opcode.PING:
            self.count_refused(now)  # answered by the library; hundreds of them are a flood
        elif frame.opcode is Opcode.PONG:
            self._take_pong(now)

    def _take_pong(self, now: float) -> None:
        if self._pong_due == _NEVER:
            self.count_refused(now)  # an unsolicited pong
        self._pong_due = _NEVER
        if self._ping_due == _NEVER:
            self._ping_due = now + self._ping_seconds

    def _take_text(self, data: bytes, *, is_last: bool, now: float) -> None:
        try:
            self._texts.add(data, is_last=is_last)
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_UTF8, now)
        else:
            if not data and not is_last:
                self.count_refused(now)  # allowed, but useless

    def _hear_waiting(self, most: int, wishes: list[Wish], now: float) -> int:
        """Processes at most so many lines; adds the client's requests and returns how many lines
        were read. Lines before a bad one count, those after `connect` wait."""
        lines = self._texts.take(most)
        for heard, line in enumerate(lines, 1):
            self._hear(line, wishes, now)
            if self.state is State.ENDING:
                return heard
            if self.state is State.JOINING:
                self._texts.put_back(lines[heard:])
                return heard
        return len(lines)

    def _hear(self, line: bytes, wishes: list[Wish], now: float) -> None:
        try:
            said = read_line(line)
        except NotAnObject:
            self.end(CloseCode.PROTOCOL_ERROR, "not a JSON object", now)
            return
        if (wish := self._judge(said, now)) is not None:
            wishes.append(wish)

    def _judge(self, said: AnyClientFrame | Refused, now: float) -> Wish | None:
        if self.state is State.GREETING:
            if isinstance(said, Connect) and is_well_formed(said):
                self.state = State.JOINING
                self._deadline = _NEVER
                return said
            self.end(CloseCode.PROTOCOL_ERROR, "the first frame must be a valid connect", now)
        elif isinstance(said, Connect):
            self.end(CloseCode.PROTOCOL_ERROR, "connected already", now)
        elif isinstance(said, Refused):
            if said.is_connect:
                self.end(CloseCode.PROTOCOL_ERROR, "connected already", now)
            else:
                self.refuse(said.refusal, now, said.chat, said.client_id)
        elif isinstance(said, Ping):
            self._out.append(PONG)
        else:
            return said
        return None

    # ---- what the server decides

    def welcome(self, seconds_left: float, now: float) -> None:
        """The token is valid for so long."""
        self._expiry = now + seconds_left + EXPIRY_GRACE_SECONDS
        if self.state is State.READY:
            self._plan_notice()

    def prolong(self, seconds_left: float, now: float) -> float:
        """The client has sent another token. Of all that it sent, the one that expires last counts:
        two may be accepted in another order than they were made in. Returns how long it is valid.
        """
        left_before = self._expiry - EXPIRY_GRACE_SECONDS - now
        if seconds_left <= left_before:
            return left_before
        self.welcome(seconds_left, now)
        return seconds_left

    def _plan_notice(self) -> None:
        self._notice = self._expiry - EXPIRY_GRACE_SECONDS - EXPIRY_NOTICE_SECONDS

    def go_ready(self, now: float) -> list[Wish]:
        """`ready` is being sent: what the client requested meanwhile; `read_on` has the rest."""
        if self.state is not State.JOINING:
            return []
        self.state = State.READY
        self._plan_notice()  # not before: `ready` is always the first line
        return self.read_on(now)

    def send(self, frame: bytes) -> None:
        """A whole frame of our own; dropped when the connection is ending."""
        if self.state is not State.ENDING:
            self._out.append(frame)

    def refuse(
        self, refusal: Refusal, now: float, chat: str | None = None, client_id: str | None = None
    ) -> None:
        """Answers a frame with `error`; a client that gets too many of them is flooding."""
        self.send(error_frame(refusal, chat, client_id))
        self.count_refused(now)

    def count_refused(self, now: float) -> None:
        """A frame was refused, answered or silently."""
        if self._refusals is None:
            self._refusals = Refusals(self._max_refused)
        if not self._refusals.count(now):
            self.end(CloseCode.FLOODING, "too many refused frames", now)

    def end(self, code: CloseCode, reason: str, now: float) -> None:
        """Closes with a code. The client has CLOSE_TIMEOUT_SECONDS to answer."""
        if self.state is State.HANDSHAKE:
            self.must_abort = True
        elif self.state is not State.ENDING:
            ws = self._library()
            if ws.state is WireState.OPEN:
                ws.send_close(code, reason)
            self._enter_ending(code, now)

    def _fail(self, code: CloseCode, now: float) -> None:
        self._library().fail(code)
        self._enter_ending(code, now)

    def _enter_ending(self, code: int, now: float) -> None:
        self.state = State.ENDING
        self.end_code = code
        self._deadline = now + CLOSE_TIMEOUT_SECONDS
        self._texts.clear()

    # ---- time

    @property
    def due(self) -> float:
        """When `tick` has something to do."""
        if self.state is State.ENDING:
            return self._deadline
        return min(self._deadline, self._ping_due, self._pong_due, self._notice, self._expiry)

    def tick(self, now: float) -> None:
        """Does what is due."""
        if now >= self._deadline:
            if self.state in (State.ENDING, State.HANDSHAKE):
                self.must_abort = True
            else:
                self.end(CloseCode.CONNECT_TIMEOUT, "no connect", now)
        elif self.state is State.ENDING:
            return
        elif now >= self._pong_due:
            self.end(CloseCode.NO_PONG, "no pong", now)
        elif now >= self._expiry:
            self.end(CloseCode.TOKEN_EXPIRED, "the token has expired", now)
        else:
            self._remind(now)

    def _remind(self, now: float) -> None:
        if now >= self._notice:
            left = round(self._expiry - EXPIRY_GRACE_SECONDS - now)
            self.send(encode_frame(Expiring(seconds=max(0, left))))
            self._notice = _NEVER
        if now >= self._ping_due:
            self._out.append(PING)
            self._ping_due = _NEVER
            self._pong_due = now + PONG_TIMEOUT_SECONDS

    def release(self) -> None:
        """The connection is gone: breaks the parser's cycle, so that memory returns at once.

        Pending answers are dropped: uvloop raises when a closed transport is written to.
        """
        self.state = State.ENDING
        self._out.clear()
        if self._ws is not None:
            self._ws.parser.close()
        if self._opening is not None:
            self._opening.release()
        self._incoming.clear()
        self._texts.clear()
