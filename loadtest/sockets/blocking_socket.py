"""One client's WebSocket over a plain blocking socket, so that a test can drop it on purpose.

Speaks `chat.v1` as text in and text out; knows nothing of what the frames mean. It waits in
`recv`, which under locust lets the others run.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

READ_BYTES: Final = 65_536
TIMEOUT_SECONDS: Final = 45.0  # the server pings every 25 s
NO_LINGER: Final = struct.pack("ii", 1, 0)


class SocketEnded(Exception):
    """The socket has closed; `code` is 1006 without a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class BlockingSocket:
    """Open from the moment it is made. Raises SocketEnded, also from `texts` and `send`."""

    def __init__(self, origin: str) -> None:
        address = urlsplit(origin)
        self._protocol = ClientProtocol(
            parse_uri(f"ws://{address.netloc}/ws"),
            subprotocols=[Subprotocol("chat.v1")],
            max_size=None,
        )
        try:
            self._socket = socket.create_connection(
                (address.hostname, address.port or 80), TIMEOUT_SECONDS
            )
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise SocketEnded(1006, str(error)) from error
        self._protocol.send_request(self._protocol.connect())
        self._write()
        while self._protocol.state is State.CONNECTING:
            self._read()

    def send(self, text: str) -> None:
        if self._protocol.state is not State.OPEN:
            raise SocketEnded(1006, "not open")
        self._protocol.send_text(text.encode())
        self._write()

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are, also such as no client should send."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise SocketEnded(1006, str(error)) from error

    def texts(self) -> Iterator[bytes]:
        """Frames as they come, until the socket closes."""
        while True:
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    yield bytes(event.data)
            if self._protocol.state is not State.OPEN:
                self._end()
            self._read()

    def cut(self) -> None:
        """Cuts the connection: a reset, no close frame. A reader in `texts` wakes."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._socket.close()

    def close(self) -> None:
        """Closes as a client does; may be called again."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            with contextlib.suppress(SocketEnded):
                self._write()
        self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            raise SocketEnded(1006, str(error)) from error
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._write()
        if isinstance(self._protocol.handshake_exc, InvalidHandshake):
            raise SocketEnded(1006, str(self._protocol.handshake_exc))
        if not data:
            self._end()

    def _write(self) -> None:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    self._socket.sendall(data)
        except OSError as error:
            raise SocketEnded(1006, str(error)) from error

    def _end(self) -> None:
        raise SocketEnded(self._protocol.close_code or 1006, self._protocol.close_reason or "")
