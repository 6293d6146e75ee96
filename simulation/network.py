"""The simulated network: hosts, links between them in each direction, and TCP on top.

TCP neither loses nor reorders within a connection, so neither does this: a bad link delays data,
holds it back, or ends the connection. Data that a host had not read when it died is lost.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from simulation.processes import Process, State

WINDOW_BYTES: Final = 16_384  # unread by the other side's program
HIGH_WATER_BYTES: Final = 16_384
NEVER: Final = float("inf")


class Link:
    """One direction between two hosts."""

    def __init__(self, seed: str, source: str, target: str) -> None:
        self._random = random.Random(f"{seed} {source}>{target}")
        self.base = 0.00005 + 0.0006 * self._random.random() ** 2
        self.jitter = 0.0005
        self.slowness = 0.0  # extra seconds, at most, while a fault slows it down
        self.is_cut = False
        self._held: list[Callable[[], None]] = []

    def delay(self) -> float:
        """Of the next packet."""
        draw = self._random.random()
        late = self.base + self.jitter * draw**4
        return late + self.slowness * self._random.random() if self.slowness else late

    def breaks(self) -> bool:
        """Whether a write is split in two on its way."""
        return self._random.random() < 0.03

    def place(self, size: int) -> int:
        return self._random.randrange(1, size)

    def hold(self, send: Callable[[], None]) -> None:
        """Holds data back until the link is whole again."""
        self._held.append(send)

    def join(self) -> None:
        self.is_cut = False
        held, self._held = self._held, []
        for send in held:
            send()


class Socket:
    """What programs do with a socket besides writing to it."""

    def __init__(self, transport: "Transport") -> None:
        self._transport = transport
        self.family = 2  # AF_INET

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if (level, option) == (6, 18):  # TCP_USER_TIMEOUT
            self._transport.user_timeout = value / 1000


class Listener:
    """Replaces a listening socket and its address in settings."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.address = f"{host}:{port}"
        self.family = 2  # AF_INET
        self.accept: Callable[[], Any] | None = None
        self.process: Process | None = None

    def open(self, backlog: int = 0) -> "Listener":
        return self

    def setblocking(self, flag: bool) -> None:
        pass

    def setsockopt(self, *_: int) -> None:
        pass

    def close(self) -> None:
        self.accept = None


class Transport(asyncio.Transport):
    """One end of a connection, behaving like uvloop's."""

    def __init__(self, network: "Network", process: Process, link: Link, name: str) -> None:
        super().__init__()
        self.process = process
        self.peer: Transport | None = None
        self.protocol: Any = None
        self.user_timeout = NEVER
        self._network = network
        self._loop = network.loop
        self._link = link
        self._name = name
        self._out: deque[bytes] = deque()
        self._out_size = 0
        self._flying = 0  # sent and not read by the other program
        self._in: deque[bytes | None] = deque()  # None is its end
        self._is_reading = True
        self._is_slow = False
        self._closing = False
        self._closed = False
        self._eof_sent = False
        self._last_arrival = 0.0
        process.transports[self] = None

    # ---- the program's side

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return Socket(self)
        return (self._name, 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self._out_size

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol

    def is_reading(self) -> bool:
        return self._is_reading

    def write(self, data: Any) -> None:
        if self._closed:
            raise RuntimeError("unable to perform operation on a transport; the handler is closed")
        if self._closing or not data:
            return
        if self._eof_sent:
            raise RuntimeError("Cannot call write() after write_eof()")
        self._out.append(bytes(data))
        self._out_size += len(data)
        self._pump()
        if self._out_size > HIGH_WATER_BYTES and not self._is_slow:
            self._is_slow = True
            self.protocol.pause_writing()

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        if not self._eof_sent and not self._closing:
            self._eof_sent = True
            self._pump()

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._loop.call_soon(self._read, context=self.process.context)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._in.clear()
        self._pump()

    def abort(self) -> None:
        if self._closed:
            return
        was_closing, self._closing = self._closing, True
        self._out.clear()
        self._out_size = 0
        if not (was_closing and self._eof_sent):
            self._eof_sent = True
            self._transmit(self._reset_peer)
        self._loop.call_soon(self._lose, None, context=self.process.context)

    # ---- the network's side

    def begin(self, protocol: Any) -> None:
        """A program accepts it."""
        if self._closed:
            return
        self.protocol = protocol
        protocol.connection_made(self)
        self._read()

    def die(self) -> None:
        """Its process has died: the kernel ends the connection for it."""
        self._closed = self._closing = True
        self._network.closed(self)
        self._transmit(self._reset_peer if self._in or self._out else self._end_peer)

    def _pump(self) -> None:
        while self._out and self._flying < WINDOW_BYTES:
            data = self._out.popleft()
            self._out_size -= len(data)
            if len(data) > 1 and self._link.breaks():
                place = self._link.place(len(data))
                self._send(data[:place])
                data = data[place:]
            self._send(data)
        if self._is_slow and self._out_size <= HIGH_WATER_BYTES // 4 and not self._closed:
            self._is_slow = False
            self.protocol.resume_writing()
        if not self._out:
            if self._closing and not self._closed:
                if not self._eof_sent:
                    self._eof_sent = True
                    self._transmit(self._end_peer)
                self._loop.call_soon(self._lose, None, context=self.process.context)
            elif self._eof_sent and not self._closing:
                self._transmit(self._end_peer)

    def _send(self, data: bytes) -> None:
        self._flying += len(data)
        if self._link.is_cut and self.user_timeout < NEVER:
            self._loop.call_later(
                self.user_timeout, self._time_out, self._flying, context=self.process.context
            )
        self._transmit(lambda: self._deliver(data))

    def _time_out(self, _: int) -> None:
        if self._link.is_cut and not self._closed:
            self._closing = True
            self._lose(TimeoutError("the other side does not acknowledge"))

    def _transmit(self, arrive: Callable[[], None]) -> None:
        """Runs it at the other side, after everything that was sent before."""
        if self._link.is_cut:
            self._link.hold(lambda: self._transmit(arrive))
            return
        assert self.peer is not None
        when = max(self._loop.time() + self._link.delay(), self._last_arrival)
        self._last_arrival = when
        self._loop.call_at(when, arrive, context=self._network.context)

    def _deliver(self, data: bytes) -> None:
        peer = self.peer
        assert peer is not None
        if peer._closed or peer._closing:
            if peer._closed:
                peer._transmit(peer._reset_peer)
            return
        peer._in.append(data)
        peer.wake()

    def _end_peer(self) -> None:
        peer = self.peer
        assert peer is not None
        if not peer._closed:
            peer._in.append(None)
            peer.wake()

    def _reset_peer(self) -> None:
        peer = self.peer
        assert peer is not None
        if not peer._closed:
            peer._closing = True
            peer._in.clear()
            error = ConnectionResetError("reset by the other side")
            self._loop.call_soon(peer._lose, error, context=peer.process.context)

    def wake(self) -> None:
        """There is something to read."""
        if self.protocol is None or not self._is_reading:
            return
        if self.process.state is State.RUNNING:
            self.process.context.run(self._read_as_owner)
        else:
            self._loop.call_soon(self._read, context=self.process.context)

    def _read_as_owner(self) -> None:
        self._loop.clock.skew = self.process.skew
        self._read()

    def _read(self) -> None:
        while self._in and self._is_reading and not self._closing and self.protocol is not None:
            data = self._in.popleft()
            if data is None:
                if not self.protocol.eof_received():
                    self.close()
                return
            peer = self.peer
            if peer is not None:
                peer._flying -= len(data)
                if peer._out:
                    self._loop.call_soon(peer._pump, context=peer.process.context)
            try:
                self.protocol.data_received(data)
            except Exception as error:
                self._loop.call_exception_handler(
                    {"message": f"{self.process.host}: data_received", "exception": error}
                )
                self.abort()

    def _lose(self, error: Exception | None) -> None:
        if self._closed:
            return
        self._closed = True
        self._network.closed(self)
        if self.protocol is not None:
            self.protocol.connection_lost(error)


class Network:
    """All hosts. `context` is that of the network itself, which never stops."""

    def __init__(self, loop: Any, seed: str) -> None:
        self.loop = loop
        self.context = Process(loop, "network").context
        self.alive: dict[str, Process] = {}
        self._seed = seed
        self._links: dict[tuple[str, str], Link] = {}
        self._listeners: dict[tuple[str, int], Listener] = {}

    def link(self, source: str, target: str) -> Link:
        found = self._links.get((source, target))
        if found is None:
            found = self._links[source, target] = Link(self._seed, source, target)
        return found

    def links(self, one: str, other: str) -> tuple[Link, Link]:
        """Both directions."""
        return self.link(one, other), self.link(other, one)

    def listen(self, process: Process, accept: Callable[[], Any], listener: Listener) -> Listener:
        listener.accept, listener.process = accept, process
        process.listeners.append(listener)
        self._listeners[listener.host, listener.port] = listener
        return listener

    def closed(self, transport: Transport) -> None:
        transport.process.transports.pop(transport, None)

    async def connect(
        self, process: Process, factory: Callable[[], Any], host: str, port: int
    ) -> tuple[Transport, Any]:
        """Raises OSError; waits while the link is cut."""
        made: asyncio.Future[Transport] = self.loop.create_future()
        there, back = self.links(process.host, host)
        self._pass(there, lambda: self._accept(process, made, back, host, port))
        try:
            transport = await made
        except asyncio.CancelledError:
            if made.done() and not made.cancelled() and made.exception() is None:
                made.result().abort()
            raise
        protocol = factory()
        transport.begin(protocol)
        return transport, protocol

    def _accept(
        self, process: Process, made: "asyncio.Future[Transport]", back: Link, host: str, port: int
    ) -> None:
        """The connection request has reached the other host."""
        listener = self._listeners.get((host, port))
        if listener is None or listener.accept is None or listener.process is None:
            self._pass(back, lambda: _fail(made, ConnectionRefusedError(f"{host} refuses")))
            return
        server = listener.process
        ours = Transport(self, process, self.link(process.host, host), host)
        theirs = Transport(self, server, back, process.host)
        ours.peer, theirs.peer = theirs, ours
        if not process.is_alive:
            ours.die()
        accept = listener.accept
        self.loop.call_soon(lambda: theirs.begin(accept()), context=server.context)
        self._pass(back, lambda: self._made(made, ours))

    def _made(self, made: "asyncio.Future[Transport]", transport: Transport) -> None:
        if made.done():
            transport.abort()
        else:
            made.set_result(transport)

    def _pass(self, link: Link, arrive: Callable[[], None]) -> None:
        if link.is_cut:
            link.hold(lambda: self._pass(link, arrive))
        else:
            self.loop.call_later(link.delay(), arrive, context=self.context)


def _fail(made: "asyncio.Future[Transport]", error: Exception) -> None:
    if not made.done():
        made.set_exception(error)
