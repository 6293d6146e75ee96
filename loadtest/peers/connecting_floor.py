"""The minimum that Python needs for a connect: the request, its answer, the `connect` frame and a
`ready`, with no accounts, chats, bus, limits, timers or log. A yardstick. argv: the port."""

import asyncio
import gc
import re
import sys
from typing import Any, Final

import msgspec
import uvloop
from websockets.speedups import apply_mask
from websockets.utils import accept_key

from common.protocol.frames import Connect, Ready
from realtime.protocol.frames import encode_frame

_key: Final = re.compile(rb"\r\nSec-WebSocket-Key: ([A-Za-z0-9+/=]{24})\r\n").search
_decode: Final = msgspec.json.Decoder(Connect).decode
ANSWER: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: chat.v1\r\n\r\n"
)
ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"


class Connection(asyncio.Protocol):
    __slots__ = ("is_open", "transport")

    def __init__(self) -> None:
        self.is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            found = _key(data)
            assert found is not None
            self.is_open = True
            self.transport.write(ANSWER % accept_key(found[1].decode()).encode())
            return
        _decode(apply_mask(data[8:], data[4:8]))  # a frame of 126 bytes to 64 KiB, whole in a read
        self.transport.write(
            encode_frame(Ready(connection=ID, user=ID, epoch=ID, chats={ID: 1}, behind=[], read={}))
        )


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    await asyncio.Event().wait()


uvloop.run(main(int(sys.argv[1])))
