"""One socket's bytes: between the transport and the session, without a task or a timer.

It hands the session's wishes to the parts that serve them; writes by other parts are limited by a
bound that nobody waits for. A slow reader loses typing notices first, then the connection.

Frames that a slow reader has not taken wait here, as a list of frames that all listeners share. The
transport would make a request of each, which costs time and memory again when the connection ends:
a thousand stuck readers that end together would stop the loop for a third of a second
(docs/decisions/sockets.md).
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

from common.calls.balancer import network_of, read_balancer_header
from common.identity.tokens import Claims
from common.protocol.close_codes import CloseCode
from common.protocol.errors import Refusal, not_found
from common.protocol.frames import Active, Connect, Read, Refresh, Refreshed, Send, Typing, Watch
from realtime.fan_out.hub import Joining, Room, Write
from realtime.protocol.frames import encode_frame
from realtime.protocol.handshake import SOCKET_PATH, Upgrade
from realtime.protocol.session import SEND_EOF, Session, State, Wish
from realtime.sockets.connections import send_away
from realtime.sockets.services import Services
from realtime.sockets.tokens import Ending, judge_refresh, judge_token

PING_SECONDS: Final = (20.0, 25.0)  # of each connection, somewhere between
MAX_UNANSWERED: Final = 128  # sends and refreshes; above it nothing more is read from the socket
MAX_WAITING_BYTES: Final = 65_536  # sent before `ready`; likewise
MAX_ANSWER_BYTES: Final = 65_536  # unsent answers of the session, above the bound of all others


class Connection(asyncio.Protocol):
    """A Listener of the hub, a Guest of the joiner, a Sender of sends."""

    __slots__ = (
        "_address", "_held", "_held_bytes", "_is_counted", "_is_reading", "_reads_on", "_services",
        "_session", "_transport", "_unsent_limit", "bucket", "is_active", "is_slow", "joining",
        "number", "rooms", "session_id", "unanswered", "user", "write",
    )  # fmt: skip

    def __init__(self, services: Services) -> None:
        self._services = services
        self.user = ""
        self.session_id = ""
        self.write: Write = _discard
        self.is_slow = False
        self.is_active = True
        self.rooms: set[Room] = set()
        self.joining: Joining | None = None
        self.unanswered = 0
        self.bucket = 0
        self.number = 0
        self._address: str | None = None
        self._is_counted = False
        self._is_reading = True
        self._reads_on = False  # a call is scheduled
        self._held: list[bytes] | None = None  # before it is ready, and while it is slow
        self._held_bytes = 0
        self._unsent_limit = services.settings.max_unsent_bytes

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        services = self._services
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is not of that class
        self._session = Session(
            services.clock(),
            services.settings.origins,
            random.uniform(*PING_SECONDS),  # noqa: S311 - spreads load
            services.settings.max_refused_frames,
        )
        services.connections.add(self)
        services.counters.accepted += 1
        self.number = services.counters.accepted
        self._schedule()
        surplus = services.pending.enter(self, services.clock())
        if surplus is not None:
            surplus.cut_off()

    @property
    def name(self) -> str:
        """A name that no other socket has or had."""
        return f"{self._services.process}:{self.number}"

    def cut_off(self) -> None:
        """Ends it without a close frame."""
        self._services.counters.drop("too many handshakes")
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._grant_all(self._session.receive(data, self._services.clock()))

    def eof_received(self) -> bool:
        self._session.receive_eof()
        return False  # the transport closes itself

    def connection_lost(self, error: Exception | None) -> None:
        services = self._services
        services.connections.discard(self)
        services.wheel.cancel(self)
        services.pending.leave(self)
        self._retire()
        if self._address is not None:
            services.admission.leave(self._address)
        code = self._session.end_code or 1006
        if code < 1000:
            services.counters.refused_handshakes[str(code)] += 1
        elif self._session.state is not State.HANDSHAKE:  # or it sent no request: no socket
            services.counters.end(code)
        self._session.release()

    def pause_writing(self) -> None:
        self.is_slow = True
        if self._session.state is State.READY:
            self._write_with(self._hold)

    def resume_writing(self) -> None:
        self.is_slow = False
        self._unsent_limit = self._services.settings.max_unsent_bytes
        if self._session.state is State.READY:
            self._write_with(self._transport.write)
            self._write_held()

    # ---- what the client wishes

    def _read_on(self) -> None:
        """Handles the part of a long read beyond its turn."""
        self._reads_on = False
        if not self._transport.is_closing():
            self._grant_all(self._session.read_on(self._services.clock()))

    def _grant_all(self, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            self._grant(wish)
        self._flush()

    def _grant(self, wish: Wish) -> None:
        if self._session.state is State.ENDING and not isinstance(wish, Send | Read):
            return  # what was said before the end counts, if it affects others
        match wish:
            case Send():
                self._services.sends.submit(self, wish)
            case Typing():
                self._type(wish)
            case Read():
                self._read(wish)
            case Connect():
                self._connect(wish)
            case Watch():
                self._services.presence.watch(self, wish.users)
            case Active():
                if wish.active is not self.is_active:
                    self._services.hub.set_active(self, wish.active)
            case Refresh():
                self._refresh(wish)
            case Upgrade():
                self._upgrade(wish)

    def _upgrade(self, upgrade: Upgrade) -> None:
        self._services.pending.leave(self)
        if upgrade.path != SOCKET_PATH:
            self._session.refuse_handshake(not_found(), with_body=upgrade.method != "HEAD")
            return
        address = network_of(self._client_address(upgrade))
        if (refusal := self._services.admission.enter(address)) is not None:
            self._session.refuse_handshake(refusal)
            return
        self._address = address
        self._services.rest.note()
        self._session.accept(self._services.clock())

    def _client_address(self, upgrade: Upgrade) -> str:
        secret = self._services.settings.balancer_key
        if forwarded := read_balancer_header(upgrade.balancer_header, secret):
            return forwarded.client_address
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def _connect(self, connect: Connect) -> None:
        if self._services.credentials.is_behind:
            self._services.spawn(self._connect_later(connect))
        else:
            self._verify(connect)

    async def _connect_later(self, connect: Connect) -> None:
        """Its session may have been revoked while the node was at rest."""
        await self._services.credentials.catch_up()
        if self._session.state is State.JOINING:
            self._verify(connect)
            self._flush()

    def _verify(self, connect: Connect) -> None:
        found = judge_token(self._services.credentials, connect.token)
        if isinstance(found, Ending):
            self.end(*found)
        else:
            self._go_on_once_told(found, partial(self._admit, found, connect))

    def _go_on_once_told(self, claims: Claims, go_on: Callable[[], None]) -> None:
        """Calls `go_on` once users knows that the token is used: older refresh tokens end then."""
        if self._services.credentials.is_untold(claims):
            self.session_id = claims.session  # it may be revoked meanwhile
            self.unanswered += 1
            self._services.spawn(self._wait_until_told(claims, go_on))
        else:
            go_on()

    async def _wait_until_told(self, claims: Claims, go_on: Callable[[], None]) -> None:
        try:
            await self._services.credentials.wait_until_told(claims)
        finally:
            self.unanswered -= 1
        if self._session.state is not State.ENDING:
            go_on()
            self._flush()

    def _admit(self, claims: Claims, connect: Connect) -> None:
        self.user, self.session_id = claims.user, claims.session
        if not self._services.admission.enter_user(claims.user):
            self.end(CloseCode.TOO_MANY_SOCKETS, "too many sockets")
            return
        self._is_counted = True
        self._session.welcome(claims.expires - time.time(), self._services.clock())
        self._schedule()
        self._write_with(self._hold)
        self._services.joiner.enter(self)
        self._services.joiner.join(self, connect)

    def _refresh(self, refresh: Refresh) -> None:
        claims = judge_refresh(self._services.credentials, refresh.token, self.session_id)
        if isinstance(claims, Refusal):
            self._session.refuse(claims, self._services.clock())
        else:
            self._go_on_once_told(claims, partial(self._prolong, claims))

    def _prolong(self, claims: Claims) -> None:
        left = self._session.prolong(claims.expires - time.time(), self._services.clock())
        self._session.send(encode_frame(Refreshed(expires_in=round(left))))

    def _type(self, typing: Typing) -> None:
        room = self._services.hub.rooms.get(typing.chat)
        if room not in self.rooms or not self._services.typists.type(self.user, typing.chat):
            self._services.counters.drop("typing refused")
            self._session.count_refused(self._services.clock())

    def _read(self, read: Read) -> None:
        if not self._services.markers.read(self, read):
            self._services.counters.drop("read refused")
            self._session.count_refused(self._services.clock())

    # ---- what others give it

    def go_ready(self, ready: bytes, replay: bytes) -> None:
        """Sends the first line, missed events and those that arrived meanwhile, and from then on
        everything."""
        if self._session.state is not State.JOINING:
            return
        self.joining = None
        burst = ready + replay + b"".join(self._held or ())
        self._held, self._held_bytes = None, 0
        # The first burst has its own limit; it must not make a reader look slow.
        self._unsent_limit += len(burst)
        self._transport.write(burst)
        wishes = self._session.go_ready(self._services.clock())
        self._write_with(self._hold if self.is_slow else self._transport.write)
        self._grant_all(wishes)
        self._schedule()

    def reply(self, frame: bytes) -> None:
        """An answer to a send: after the events before it."""
        self.write(frame)
        if not self._is_reading:
            self._flush()  # there may be room for its next frames

    def refuse(
        self, refusal: Refusal, chat: str | None = None, client_id: str | None = None
    ) -> None:
        """A send or another frame that failed."""
        self._session.refuse(refusal, self._services.clock(), chat, client_id)
        self._flush()

    def end(self, code: CloseCode, reason: str) -> None:
        """Closes; safe to repeat."""
        if code is CloseCode.SLOW_CONSUMER:
            self._drop_held()
        elif self._session.state is State.READY:
            self._write_held()
        self._session.end(code, reason, self._services.clock())
        self._flush()

    def send_away(self) -> None:
        """Ends it so that its client reconnects and resumes."""
        send_away(self)

    def tick(self) -> None:
        """Called by the wheel when something is due."""
        self._session.tick(self._services.clock())
        self._flush()
        self._schedule()

    # ---- writing

    def _write_with(self, write: Write) -> None:
        self.write = write
        for room in self.rooms:
            room.listeners[self] = write

    @property
    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size() + self._held_bytes

    def _hold(self, frame: bytes) -> None:
        if self._held is None:
            self._held = []
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self.unsent_bytes > self._unsent_limit:
            self._give_up()

    def _write_held(self) -> None:
        held, self._held, self._held_bytes = self._held, None, 0
        if held:
            self._transport.writelines(held)

    def _drop_held(self) -> None:
        self._held, self._held_bytes = None, 0

    def _give_up(self) -> None:
        # Not at once: the relay is iterating over a room's listeners.
        self._write_with(_discard)
        self._services.counters.drop("slow consumer")
        asyncio.get_running_loop().call_soon(self.end, CloseCode.SLOW_CONSUMER, "too slow")

    def _flush(self) -> None:
        """Writes the session's output, and does what its state demands."""
        session, transport = self._session, self._transport
        for data in session.take_output():
            if data == SEND_EOF:
                if not transport.can_write_eof():  # over TLS
                    transport.close()
                elif not transport.is_closing():
                    transport.write_eof()
            elif self.unsent_bytes > self._unsent_limit + MAX_ANSWER_BYTES:
                session.must_abort = True  # floods us with pings and reads no pong
            elif self._held and session.state is State.READY:
                self._hold(data)  # an answer stays after the events before it
            else:
                transport.write(data)
        if session.must_abort:
            transport.abort()
            return
        if session.state is State.ENDING and (
            self.write is not _discard or self.joining is not None or self._is_counted
        ):
            self._retire()
            self._schedule()
        if not transport.is_closing():
            self._pace()

    def _pace(self) -> None:
        """Continues a read that exceeds a turn's share after the other sockets' turns; stops
        reading from a client that is far ahead of that, or of its answers."""
        session = self._session
        is_ahead = session.state is not State.ENDING and (
            self.unanswered >= MAX_UNANSWERED or session.waiting_bytes > MAX_WAITING_BYTES
        )
        has_more = session.has_more
        if has_more and not is_ahead and not self._reads_on:
            self._reads_on = True
            asyncio.get_running_loop().call_soon(self._read_on)
        is_reading = not is_ahead and not has_more
        if is_reading and not self._is_reading:
            self._transport.resume_reading()
        elif self._is_reading and not is_reading:
            self._transport.pause_reading()
        self._is_reading = is_reading

    def _retire(self) -> None:
        """From now on nobody writes to it and it does not count."""
        if self._is_counted:
            self._is_counted = False
            self._services.admission.leave_user(self.user)
            self._services.hub.leave(self)
            self._services.presence.leave(self)
        self._write_with(_discard)
        self.joining = None
        self._drop_held()

    def _schedule(self) -> None:
        self._services.wheel.schedule(self, self._session.due)


def _discard(_: bytes) -> None:
    """The `write` of a socket that is ending."""
