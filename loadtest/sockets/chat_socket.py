"""A cheap client socket: frames go to a function, without a task or a queue.

Knows WebSocket by `websockets`' protocol without I/O; knows nothing of what the frames mean.
"""

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

NO_CODE = 1006


class ChatSocket(asyncio.Protocol):
    """`ended` gives its close code and reason."""

    def __init__(self, origin: str, take: Callable[[bytes], None]) -> None:
        self._protocol = ClientProtocol(
            parse_uri("ws" + origin.removeprefix("http") + "/ws"),
            subprotocols=[Subprotocol("chat.v1")],
            max_size=None,
        )
        self._take = take
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[tuple[int, str]] = loop.create_future()

    @classmethod
    async def open(cls, origin: str, take: Callable[[bytes], None]) -> "ChatSocket":
        """Raises OSError if nothing listens or the handshake is refused."""
        address = urlsplit(origin)
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: cls(origin, take), address.hostname or "", address.port or 80
        )
        await socket.opened
        return socket

    def send(self, text: bytes) -> None:
        self._protocol.send_text(text)
        self._flush()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                if self._protocol.handshake_exc is None:
                    self.opened.set_result(None)
            elif event.opcode is Opcode.TEXT:
                self._take(bytes(event.data))
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the handshake was refused"))
        code, reason = self._protocol.close_code, self._protocol.close_reason
        if not self.ended.done():  # no caller waits any more
            self.ended.set_result((code or NO_CODE, reason or ""))

    def _flush(self) -> None:
        """Also answers pings and closes; the empty bytes at the end mean the end of writing."""
        assert self._transport is not None
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
