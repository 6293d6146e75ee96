"""One client's WebSocket over a plain blocking socket, so that a test can drop it on purpose.

Speaks `chat.v1` as text in and text out; knows nothing of what the frames mean. It waits in `recv`,
which under locust lets the others run. Thousands of them share the cores with the measured system,
so it reads only the frames that the server sends: whole and unmasked ones.
"""

import base64
import contextlib
import os
import random
import socket
import struct
from collections.abc import Iterator
from typing import Final, NoReturn
from urllib.parse import urlsplit

from websockets.frames import Opcode
from websockets.speedups import apply_mask
from websockets.utils import accept_key

READ_BYTES: Final = 65_536
TIMEOUT_SECONDS: Final = 45.0  # of the handshake
# The kernel detects dead peers, which needs no timer for each read.
KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
NO_LINGER: Final = struct.pack("ii", 1, 0)
WHOLE: Final = 0x80
MASKED: Final = 0x80
NORMAL: Final = struct.pack("!H", 1000)


class SocketEnded(Exception):
    """The socket has closed; `code` is 1006 without a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class BlockingSocket:
    """Open on creation. Raises SocketEnded, also from `texts` and `send`."""

    def __init__(self, origin: str) -> None:
        address = urlsplit(origin)
        self._data = b""  # read but not yet parsed
        self._is_open = True
        try:
            self._socket = socket.create_connection(
                (address.hostname, address.port or 80), TIMEOUT_SECONDS
            )
            for option in KEEP_ALIVE:
                self._socket.setsockopt(*option)
        except OSError as error:
            raise SocketEnded(1006, str(error)) from error
        self._shake_hands(address.netloc)
        self._socket.settimeout(None)

    def send(self, text: str | bytes) -> None:
        if not self._is_open:
            raise SocketEnded(1006, "not open")
        self._write(Opcode.TEXT, text.encode() if isinstance(text, str) else text)

    def send_raw(self, data: bytes) -> None:
        """Sends raw bytes, even invalid ones."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise SocketEnded(1006, str(error)) from error

    def texts(self) -> Iterator[bytes]:
        """Frames as they arrive, until the socket closes."""
        while True:
            while (frame := self._take_frame()) is not None:
                opcode, payload = frame
                if opcode == Opcode.TEXT:
                    yield payload
                else:
                    self._control(opcode, payload)
            self._read()

    def cut(self) -> None:
        """Cuts the connection: a reset, no close frame. A reader in `texts` wakes."""
        self._is_open = False
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._socket.close()

    def close(self) -> None:
        """Closes as a client does; may be called again."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(SocketEnded):
                self._write(Opcode.CLOSE, NORMAL)
        self._socket.close()

    def _shake_hands(self, host: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.send_raw(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: chat.v1\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._data:
            self._read()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101") or accept_key(key).encode() not in head:
            self._socket.close()
            raise SocketEnded(1006, head.partition(b"\r\n")[0].decode("latin-1"))

    def _take_frame(self) -> tuple[int, bytes] | None:
        """The next opcode and payload, if complete."""
        data = self._data
        if len(data) < 2:
            return None
        if not data[0] & WHOLE or data[1] & MASKED:
            self._end(1002, f"a frame that begins with {data[:2].hex()}")
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + size:
            return None
        self._data = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == Opcode.PING:
            self._write(Opcode.PONG, payload)
        elif opcode == Opcode.CLOSE:
            with contextlib.suppress(SocketEnded):
                self._write(Opcode.CLOSE, payload[:2])
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            self._end(code, payload[2:].decode())

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            self._end(1006, str(error))
        if not data:
            self._end(1006, "")
        self._data = self._data + data if self._data else data

    def _write(self, opcode: int, payload: bytes) -> None:
        """A client's frame, which is masked."""
        size = len(payload)
        if size < 126:
            head = b"%c%c" % (WHOLE | opcode, MASKED | size)
        elif size < 65_536:
            head = b"%c\xfe" % (WHOLE | opcode) + size.to_bytes(2, "big")
        else:
            head = b"%c\xff" % (WHOLE | opcode) + size.to_bytes(8, "big")
        mask = random.getrandbits(32).to_bytes(4, "big")
        self.send_raw(head + mask + apply_mask(payload, mask))

    def _end(self, code: int, reason: str) -> NoReturn:
        self._is_open = False
        self._socket.close()
        raise SocketEnded(code, reason)
