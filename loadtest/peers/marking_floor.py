"""The least that moves a read marker: frames of sockets to one UPDATE for all that came in a
quarter of a second, with no auth, order, limits, membership, heads or notices. argv: a Unix socket
to listen on, the database's URL."""

import asyncio
import gc
import sys
from typing import Any, Final

import msgspec
import psycopg
import uvloop
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask
from websockets.typing import Subprotocol

from chats.store.arrays import id_array, number_array
from chats.store.query import PLAN_OPTIONS

PAUSE_SECONDS: Final = 0.25  # as between the batches of a node
UPDATE: Final = """
UPDATE own_chats o SET read = greatest(o.read, w.seq)
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS w (member, chat, seq)
WHERE o.member = w.member AND o.chat = w.chat
"""


class Read(msgspec.Struct, rename="camel"):
    user: str  # which a node knows from the session
    chat: str
    up_to: int


_decode = msgspec.json.Decoder(Read).decode


class Connection(asyncio.Protocol):
    __slots__ = ("reads", "transport", "ws")

    def __init__(self, reads: list[Read]) -> None:
        self.reads = reads
        self.ws: ServerProtocol | None = ServerProtocol(subprotocols=[Subprotocol("chat.v1")])

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        if self.ws is None:  # a frame a read, shorter than 126 bytes
            self.reads.append(_decode(apply_mask(data[6:], data[2:6])))
            return
        self.ws.receive_data(data)
        for event in self.ws.events_received():
            assert isinstance(event, Request | Frame)
            if isinstance(event, Request):
                self.ws.send_response(self.ws.accept(event))
                self.transport.write(b"".join(self.ws.data_to_send()))
                self.ws = None
                return


async def main(path: str, database: str) -> None:
    reads: list[Read] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: Connection(reads), path, backlog=4096)
    connection = await psycopg.AsyncConnection.connect(
        database, autocommit=True, options=PLAN_OPTIONS
    )
    connection.prepare_threshold = 1
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    async with server:
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            batch = reads[:]
            reads.clear()
            if batch:
                columns = (
                    id_array(one.user for one in batch),
                    id_array(one.chat for one in batch),
                    number_array(one.up_to for one in batch),
                )
                await connection.execute(UPDATE, columns, binary=True)


uvloop.run(main(*sys.argv[1:3]))
