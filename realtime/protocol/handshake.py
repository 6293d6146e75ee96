"""The HTTP side of a socket: what is answered when a request does not become one. Pure.

Refusals before the upgrade are the same problem+json that REST gives.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from common.calls.balancer import BALANCER_HEADER
from common.protocol.errors import PROBLEM_TYPE, Refusal
from common.protocol.limits import MAX_HEADER_BYTES

SOCKET_PATH: Final = "/ws"
SUBPROTOCOL: Final = "chat.v1"
METHODS: Final = (b"GET ", b"HEAD ")
METHOD_BYTES: Final = 5

_REFUSED_BY_PROTOCOL: Final[Mapping[int, tuple[str, str, dict[str, str]]]] = {
    400: (
        "invalid_request",
        f"Not a WebSocket handshake for the subprotocol {SUBPROTOCOL}.",
        {"Sec-WebSocket-Version": "13"},
    ),
    403: ("forbidden", "This origin may not open a socket here.", {}),
    405: ("method_not_allowed", "Use GET.", {"Allow": "GET, HEAD"}),
    426: ("upgrade_required", "Ask for an upgrade to websocket.", {"Upgrade": "websocket"}),
    431: ("headers_too_large", "The headers are too large.", {}),
}


class Upgrade(NamedTuple):
    """A request for a socket; `balancer_word` is not believed yet."""

    method: str
    path: str
    balancer_word: str


def create_protocol(origins: Sequence[str | None], max_bytes: int) -> ServerProtocol:
    """The WebSocket library's part of a connection; messages may have so many bytes."""
    return ServerProtocol(
        origins=[None if origin is None else Origin(origin) for origin in origins],
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        max_size=max_bytes,
        logger=logging.getLogger("websockets"),
    )


def read_upgrade(request: Request) -> Upgrade:
    """What its first line and the balancer's header say."""
    headers = request.headers
    return Upgrade(
        request.method,
        request.path.partition("?")[0],
        ",".join(headers.get_all(BALANCER_HEADER)),
    )


def refusal_of_status(status: int) -> Refusal:
    """What the WebSocket library's refusals are called here."""
    code, detail, headers = _REFUSED_BY_PROTOCOL.get(status, _REFUSED_BY_PROTOCOL[400])
    return Refusal(code, detail, headers=headers)


def http_refusal(refusal: Refusal, *, with_body: bool = True) -> bytes:
    """The whole response; the connection ends after it."""
    body = msgspec.json.encode(refusal.problem())
    headers = {
        "Content-Type": PROBLEM_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **refusal.http_headers(),
    }
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + body if with_body else head


class RequestStart:
    """What is judged of a request before the library has read it: its method and its size."""

    def __init__(self) -> None:
        self._method = b""  # as far as it has come
        self._size = 0

    def judge(self, data: bytes) -> Refusal | None:
        """With the next bytes of it."""
        self._size += len(data)
        if self._size > MAX_HEADER_BYTES:
            return refusal_of_status(431)
        self._method += data[: METHOD_BYTES - len(self._method)]
        # The library reads no request with a body, and would end without an answer.
        if not any(method.startswith(self._method[: len(method)]) for method in METHODS):
            return refusal_of_status(405)
        return None
