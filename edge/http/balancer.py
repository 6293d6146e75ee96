"""The client's address and the key of a request, as the balancer reports them, if there is one."""

from typing import Final

from common.calls.balancer import (
    BALANCER_HEADER,
    Forwarded,
    read_balancer_header,
    request_key_of,
)
from edge.http.headers import find_header
from edge.http.request import AnyRequest

_HEADER: Final = BALANCER_HEADER.encode()


class Balancer:
    """Reads its header; `secret` is None if there is no balancer to trust."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def _read(self, request: AnyRequest) -> Forwarded | None:
        return read_balancer_header(find_header(request.scope, _HEADER) or "", self._secret)

    def client_address(self, request: AnyRequest) -> str:
        """The client's address."""
        if forwarded := self._read(request):
            return forwarded.client_address
        return request.client.host if request.client else ""

    def request_key(self, request: AnyRequest) -> str:
        """The balancer's; a new one if it sent none."""
        return request_key_of(self._read(request))
