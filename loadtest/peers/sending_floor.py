"""The minimum that carries a durable message: the same chain of processes as in Hubbub and a commit
of the rows, without auth, limits, order or membership. Messages that arrive during a commit are
stored together.

argv: `node PORT CHATS VALKEY`, `edge PATH CHATS` or `chats PORT VALKEY DATABASE`, with the ports of
the others. Between them a message is its chat's id and its text, in a line.
"""

import asyncio
import gc
import sys
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import hiredis
import psycopg
import uvloop
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask
from websockets.typing import Subprotocol

from realtime.protocol.frames import text_frame

LOOPBACK: Final = "127.0.0.1"
CHANNEL: Final = b"floor"
ID_BYTES: Final = 36
INSERT: Final = "INSERT INTO bare_commits VALUES (%s, %s)"
INSERT_ALL: Final = "INSERT INTO bare_commits SELECT * FROM unnest(%s::bigint[], %s::bytea[])"
CREATED: Final = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
_CLIENT_ID: Final = b'"clientId":"'

Done = Callable[[], None]
Rooms = dict[bytes, list[asyncio.Transport]]


def write(transport: asyncio.Transport, data: bytes) -> None:
    """Unless its client has gone, as at the end of a measurement: uvloop would raise, and close
    whatever brought the data."""
    if not transport.is_closing():
        transport.write(data)


class Link(asyncio.Protocol):
    """To chats, which answers each line with a byte, in their order."""

    def __init__(self) -> None:
        self._waiting: deque[Done] = deque()

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def ask(self, chat: bytes, text: bytes, done: Done) -> None:
        self._waiting.append(done)
        self._transport.write(b"%b%b\n" % (chat, text))

    def data_received(self, data: bytes) -> None:
        for _ in data:
            self._waiting.popleft()()


class Bus(asyncio.Protocol):
    """What is published goes to the sockets of its chat."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._reader = hiredis.Reader()

    def connection_made(self, transport: Any) -> None:
        transport.write(hiredis.pack_command(("SUBSCRIBE", CHANNEL)))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (said := self._reader.gets()) is not False:
            if said[0] == b"message":
                frame = text_frame(said[2][ID_BYTES:])
                for transport in self._rooms[said[2][:ID_BYTES]]:
                    write(transport, frame)


class Socket(asyncio.Protocol):
    """Of a client that says first which chat it is in; then each frame is a message."""

    def __init__(self, rooms: Rooms, chats: Link) -> None:
        self._rooms, self._chats, self._chat = rooms, chats, b""
        self._ws: ServerProtocol | None = ServerProtocol(subprotocols=[Subprotocol("chat.v1")])

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        if self._ws is None:
            while data:  # frames of less than 64 KiB, whole in a read
                start, size = 2, data[1] & 0x7F
                if size == 126:
                    start, size = 4, int.from_bytes(data[2:4], "big")
                text = start + 4
                self._hear(apply_mask(data[text : text + size], data[start:text]))
                data = data[text + size :]
            return
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            assert isinstance(event, Request | Frame)
            if isinstance(event, Request):
                self._ws.send_response(self._ws.accept(event))
                self._transport.write(b"".join(self._ws.data_to_send()))
                self._ws = None
                return

    def _hear(self, text: bytes) -> None:
        if not self._chat:
            self._chat = text
            self._rooms[text].append(self._transport)
            self._transport.write(text_frame(b'{"type":"ready"}'))
            return
        at = text.index(_CLIENT_ID) + len(_CLIENT_ID)
        self._chats.ask(self._chat, text, partial(self._answer, text[at : at + ID_BYTES]))

    def _answer(self, client_id: bytes) -> None:
        write(self._transport, text_frame(b'{"type":"sent","clientId":"%b"}' % client_id))

    def connection_lost(self, _: Exception | None) -> None:
        if self._chat:
            self._rooms[self._chat].remove(self._transport)


class Gate(asyncio.Protocol):
    """Of HAProxy: POST /api/chat/ID/message, whole in a read."""

    def __init__(self, chats: Link) -> None:
        self._chats = chats

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        self._chats.ask(head.split(b"/", 4)[3], body, partial(write, self._transport, CREATED))


class Store(asyncio.Protocol):
    """A row each, then the bus, then the answer; what has come meanwhile goes together."""

    def __init__(self, database: psycopg.AsyncConnection[Any], bus: asyncio.WriteTransport) -> None:
        self._database, self._bus = database, bus
        self._waiting: list[bytes] = []
        self._cut = b""  # a line whose end has not come yet
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._cut = (self._cut + data).split(b"\n")
        self._waiting += lines
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._store())

    async def _store(self) -> None:
        while self._waiting:
            messages, self._waiting = self._waiting, []
            if len(messages) == 1:
                await self._database.execute(INSERT, (len(messages[0]), messages[0]))
            else:
                lengths = [len(message) for message in messages]
                await self._database.execute(INSERT_ALL, (lengths, messages))
            for message in messages:
                self._bus.write(hiredis.pack_command(("PUBLISH", CHANNEL, message)))  # type: ignore[arg-type]
            self._transport.write(b"." * len(messages))
        self._task = None


async def run_node(port: str, chats: str, valkey: str) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    rooms: Rooms = defaultdict(list)
    _, link = await loop.create_connection(Link, LOOPBACK, int(chats))
    await loop.create_connection(lambda: Bus(rooms), LOOPBACK, int(valkey))
    return await loop.create_server(lambda: Socket(rooms, link), LOOPBACK, int(port), backlog=4096)


async def run_edge(path: str, chats: str) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    _, link = await loop.create_connection(Link, LOOPBACK, int(chats))
    return await loop.create_unix_server(lambda: Gate(link), path)


async def run_chats(port: str, valkey: str, database: str) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    # What Valkey answers is not looked at.
    bus, _ = await loop.create_connection(asyncio.Protocol, LOOPBACK, int(valkey))
    connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
    connection.prepare_threshold = 1
    return await loop.create_server(lambda: Store(connection, bus), LOOPBACK, int(port))


ROLES: Final[Mapping[str, Callable[..., Awaitable[asyncio.Server]]]] = {
    "node": run_node,
    "edge": run_edge,
    "chats": run_chats,
}


async def main(role: str, *words: str) -> None:
    async with await ROLES[role](*words):
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        await asyncio.Event().wait()


uvloop.run(main(*sys.argv[1:]))
