"""The minimum in Python: Valkey's pub/sub to sockets, without auth, order, limits or handling of
slow readers. A yardstick for the realtime tier. argv: port, Valkey's port; path /ws/N joins channel
roomN."""

import asyncio
import gc
import sys
from typing import Any

import hiredis
import uvloop
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from realtime.protocol.frames import text_frame

Rooms = dict[bytes, list[asyncio.Transport]]


class Bus(asyncio.Protocol):
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._reader = hiredis.Reader()

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def subscribe(self, channel: bytes) -> None:
        self._transport.write(b"*2\r\n$9\r\nSUBSCRIBE\r\n$%d\r\n%s\r\n" % (len(channel), channel))

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        batch: dict[bytes, list[bytes]] = {}
        while (message := reader.gets()) is not False:
            if message[0] == b"message":
                batch.setdefault(message[1], []).append(message[2])
        for channel, texts in batch.items():
            frame = text_frame(texts[0] if len(texts) == 1 else b"\n".join(texts))
            for transport in self._rooms.get(channel, ()):
                transport.write(frame)


class Connection(asyncio.Protocol):
    __slots__ = ("bus", "room", "rooms", "transport", "ws")

    def __init__(self, rooms: Rooms, bus: Bus) -> None:
        self.rooms, self.bus, self.room = rooms, bus, b""
        self.ws = ServerProtocol(max_size=65536)

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        self.ws.receive_data(data)
        for event in self.ws.events_received():
            if isinstance(event, Request):
                self.ws.send_response(self.ws.accept(event))
                self._join(b"room" + event.path.rsplit("/", 1)[1].encode())
            assert isinstance(event, Request | Frame)
        for out in self.ws.data_to_send():
            if out:
                self.transport.write(out)
            else:
                self.transport.close()

    def _join(self, room: bytes) -> None:
        self.room = room
        if room not in self.rooms:
            self.rooms[room] = []
            self.bus.subscribe(room)
        self.rooms[room].append(self.transport)

    def connection_lost(self, _: Exception | None) -> None:
        if self.transport in self.rooms.get(self.room, ()):
            self.rooms[self.room].remove(self.transport)


async def main(port: int, valkey: int) -> None:
    rooms: Rooms = {}
    loop = asyncio.get_running_loop()
    _, bus = await loop.create_connection(lambda: Bus(rooms), "127.0.0.1", valkey)
    await loop.create_server(lambda: Connection(rooms, bus), "127.0.0.1", port, backlog=4096)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20000, 20, 20)
    await asyncio.Event().wait()


uvloop.run(main(*map(int, sys.argv[1:3])))
