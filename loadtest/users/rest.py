"""A simulated user's HTTP: persistent connections over plain sockets, which under locust let the
others run. Locust's own client takes several times as long per request, on cores shared with the
measured system. Knows nothing of the requests.
"""

import re
import socket
from typing import Final, NamedTuple
from urllib.parse import urlsplit

READ_BYTES: Final = 262_144
TIMEOUT_SECONDS: Final = 60.0

_find_length = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search


class Answer(NamedTuple):
    """`status` is 0 without an answer."""

    status: int
    body: bytes


class _Stale(Exception):
    """A persistent connection had ended before the request, which was not read."""


class Rest:
    """One user's client. A pending answer does not delay the next request."""

    def __init__(self, origin: str) -> None:
        address = urlsplit(origin)
        self._address = (address.hostname, address.port or 80)
        self._host = address.netloc
        self._idle: list[socket.socket] = []
        self.token = ""

    def call(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Answer:
        """Raises nothing: a failure has status 0 and the reason."""
        lines = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if self.token:
            lines += f"Authorization: Bearer {self.token}\r\n"
        if body is not None:
            lines += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        request = f"{lines}\r\n".encode() + (body or b"")
        while self._idle:
            try:
                return self._exchange(self._idle.pop(), request, is_kept=True)
            except _Stale:
                continue
            except OSError as error:
                return Answer(0, str(error).encode())
        try:
            fresh = socket.create_connection(self._address, TIMEOUT_SECONDS)
            fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._exchange(fresh, request, is_kept=False)
        except OSError as error:
            return Answer(0, str(error).encode())

    def close(self) -> None:
        """Requests in progress continue."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, connection: socket.socket, request: bytes, *, is_kept: bool) -> Answer:
        """Raises OSError, _Stale; the connection is then closed."""
        data = b""
        try:
            connection.sendall(request)
            while (end := data.find(b"\r\n\r\n")) < 0:
                data = self._read_on(connection, data)
            found = _find_length(data, 0, end)
            if found is None:
                raise OSError("an answer without a length")
            size = end + 4 + int(found[1])
            while len(data) < size:
                data = self._read_on(connection, data)
        except OSError as error:
            connection.close()
            if is_kept and not data and isinstance(error, ConnectionError):
                raise _Stale from error
            raise
        self._idle.append(connection)
        return Answer(int(data[9:12]), data[end + 4 :])

    def _read_on(self, connection: socket.socket, data: bytes) -> bytes:
        more = connection.recv(READ_BYTES)
        if not more:
            raise ConnectionResetError("the connection ended before the answer")
        return data + more
