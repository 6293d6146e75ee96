"""The HTTP side of a socket: the answers to requests that do not become one. Pure.

Refusals before the upgrade are the same problem+json as in REST.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from common.protocol.errors import PROBLEM_TYPE, Refusal
from common.protocol.frames import SUBPROTOCOL

SOCKET_PATH: Final = "/ws"

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
    """A request for a socket; `balancer_header` is not verified yet."""

    method: str
    path: str
    balancer_header: str


def refusal_of_status(status: int) -> Refusal:
    """Our refusal for one of the WebSocket library."""
    code, detail, headers = _REFUSED_BY_PROTOCOL.get(status, _REFUSED_BY_PROTOCOL[400])
    return Refusal(code, detail, headers=headers)


def http_refusal(refusal: Refusal, *, with_body: bool = True) -> bytes:
    """The whole response; the connection ends after it."""
    body = msgspec.json.encode(refusal.problem())
    headers = {
        "Content-Type": PROBLEM_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **refusal.http_headers(),
    }
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + body if with_body else head
