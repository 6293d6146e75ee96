"""From a connection's first byte to its upgrade: reads the request, and answers it. Pure.

Almost every request is written by a browser or a library and arrives in one read. Those are parsed
here: the WebSocket library, which checks all others, takes ten times as long for one, half of what
a connect cost the node (docs/decisions/sockets.md).
"""

import logging
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from websockets import http11
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.utils import accept_key

from common.calls.balancer import BALANCER_HEADER
from common.protocol.errors import Refusal
from common.protocol.frames import SUBPROTOCOL
from common.protocol.limits import MAX_HEADER_BYTES
from realtime.protocol.handshake import Upgrade, refusal_of_status

# The library's own limits, of a line and of their number, are never reached: the total size of the
# headers is checked here.
http11.MAX_LINE_LENGTH = http11.MAX_NUM_HEADERS = 2 * MAX_HEADER_BYTES

METHODS: Final = (b"GET ", b"HEAD ")
MAX_PLAIN_BYTES: Final = 4_096

# One space after each colon, no empty value, nothing but printable ASCII.
_plain: Final = re.compile(
    rb"GET (/[\x21-\x7e]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\r\n){1,64})"
    rb"\r\n"
).fullmatch
_origin: Final = re.compile(r"\Ahttps?://[^/]*", re.I)  # RFC 6455, 4.2.1: before the path
_is_key: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==").fullmatch  # of sixteen bytes
_DEMANDED: Final = frozenset(
    (
        b"host", b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version",
        b"sec-websocket-protocol",
    )
)  # fmt: skip
_CONNECTIONS: Final = frozenset((b"upgrade", b"keep-alive, upgrade"))
_END: Final = b"\r\n\r\n"
_BODY_HEADER: Final = re.compile(rb"\r\n(?:content-length|transfer-encoding):[^\r\n]*", re.I)
_BALANCER_LINE: Final = re.compile(rb"\r\n%b:[^\r\n]{0,300}" % BALANCER_HEADER.encode(), re.I)
_UNUSUAL: Final = frozenset((b"content-length", b"transfer-encoding"))
_ANSWER: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: " + SUBPROTOCOL.encode() + b"\r\n\r\n"
)


class _Offer(NamedTuple):
    """A request that may become a socket, and the answer that upgrades it."""

    upgrade: Upgrade
    answer: bytes


class Opening:
    """One connection's request; it ends with `accept`, or with a refusal."""

    __slots__ = ("_has_body", "_head", "_library", "_offer", "_origins", "_request")

    def __init__(self, origins: Sequence[str | None]) -> None:
        self._origins = origins
        self._head = b""  # as far as it has arrived
        self._has_body = False  # which is ignored: no upgrade is requested
        self._offer: _Offer | None = None
        self._library: ServerProtocol | None = None
        self._request: Request | None = None

    @property
    def is_head(self) -> bool:
        """The answer has no body."""
        return self._request is not None and self._request.method == "HEAD"

    def read(self, data: bytes) -> Upgrade | Refusal | None:
        """The outcome of these bytes; None if the request is incomplete."""
        if self._has_body:
            return None
        if not self._head:
            self._offer = _read_plain(data, self._origins)
            if self._offer is not None:
                return self._offer.upgrade
        refusal = self._judge_start(data)
        if refusal is not None:
            return refusal
        library = self._library = self._library or _create_library(self._origins)
        library.receive_data(data)
        events = library.events_received()
        if len(events) > 1 or (events and library.reader.buffer):
            # RFC 6455 section 4.1: the client waits for our answer before it sends anything else.
            return refusal_of_status(400)
        if library.handshake_exc is not None:
            # The library could not parse it, and its own answer is not problem+json.
            library.data_to_send()
            return self._read_without_body() or refusal_of_status(400)
        for event in events:
            if isinstance(event, Request):
                self._request = event
                return _read_upgrade(event)
        return None

    def accept(self) -> bytes | Refusal:
        """The answer that upgrades, or the refusal that RFC 6455, the origins or the subprotocol
        require."""
        if self._offer is not None:
            return self._offer.answer
        request, library = self._request, self._library
        assert request is not None
        assert library is not None
        if self.is_head:  # a GET without an upgrade
            return refusal_of_status(426)
        response = library.accept(request)
        # The library does not require a Host, as RFC 6455 section 4.2.1 does.
        status = response.status_code if "Host" in request.headers else 400
        if status != 101:
            return refusal_of_status(status)
        library.send_response(response)
        return b"".join(library.data_to_send())

    def release(self) -> None:
        """Breaks the cycle of the library's parser, so that its memory returns at once: 3 kB."""
        if self._library is not None:
            self._library.parser.close()

    def _judge_start(self, data: bytes) -> Refusal | None:
        """Before the library has parsed it: the method and the size."""
        self._head += data
        # The library reads no request with a body, and would end without an answer.
        if not any(method.startswith(self._head[: len(method)]) for method in METHODS):
            return refusal_of_status(405)  # before the size, which may include part of a body
        if len(self._head) > MAX_HEADER_BYTES and self._is_too_large():
            return refusal_of_status(431)
        return None

    def _is_too_large(self) -> bool:
        """Counts the client's headers only; bytes after the end of a complete request are not part
        of them."""
        line, _, headers = _BALANCER_LINE.sub(b"", self._head, 1).partition(b"\r\n")
        most = MAX_HEADER_BYTES + len(_END)
        has_end = self._request is None and _END in headers[:most]
        return len(line) > MAX_HEADER_BYTES or (len(headers) >= most and not has_end)

    def _read_without_body(self) -> Upgrade | None:
        """The result for a request that the library refuses only for its body, which is ignored;
        None if it is invalid without it too, or asks for an upgrade, as no request with a body may.
        """
        head, end, _ = self._head.partition(_END)
        library = _create_library(self._origins)
        library.receive_data(_BODY_HEADER.sub(b"", head) + end)
        self.release()
        self._library = library
        for event in library.events_received():
            if isinstance(event, Request) and "Upgrade" not in event.headers:
                self._request, self._has_body = event, True
                return _read_upgrade(event)
        return None


def _read_plain(data: bytes, origins: Sequence[str | None]) -> _Offer | None:
    """None for everything that is bad or unusual, which the library has to check."""
    found = _plain(data) if len(data) <= MAX_PLAIN_BYTES else None
    if found is None:
        return None
    lines = found[2].split(b"\r\n")[:-1]
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b": ")
        headers[name.lower()] = value
    if len(headers) < len(lines) or not headers.keys() >= _DEMANDED or headers.keys() & _UNUSUAL:
        return None
    key, origin = headers[b"sec-websocket-key"], headers.get(b"origin")
    if (
        headers[b"upgrade"].lower() != b"websocket"
        or headers[b"connection"].lower() not in _CONNECTIONS
        or headers[b"sec-websocket-version"] != b"13"
        or headers[b"sec-websocket-protocol"] != SUBPROTOCOL.encode()
        or not _is_key(key)
        or (None if origin is None else origin.decode()) not in origins
    ):
        return None
    balancer = headers.get(BALANCER_HEADER.encode(), b"").decode()
    path = found[1].decode().partition("?")[0]
    return _Offer(Upgrade("GET", path, balancer), _ANSWER % accept_key(key.decode()).encode())


def _create_library(origins: Sequence[str | None]) -> ServerProtocol:
    return ServerProtocol(
        origins=[None if origin is None else Origin(origin) for origin in origins],
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        logger=logging.getLogger("websockets"),
    )


def _read_upgrade(request: Request) -> Upgrade:
    """The parts of its first line and the balancer's header."""
    headers = request.headers
    return Upgrade(
        request.method,
        _origin.sub("", request.path.partition("?")[0]),
        ",".join(headers.get_all(BALANCER_HEADER)),
    )
