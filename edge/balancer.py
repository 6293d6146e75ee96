"""What the balancer says of a request, and whether it is the balancer who says it.

On one machine every peer is on loopback, so an address proves nothing: the balancer's word counts
where its secret is beside it.
"""

import hmac

from common.ids import is_id, new_id
from edge.reading import AnyRequest

SECRET_HEADER = "x-hubbub-balancer"  # noqa: S105 - the name of the header
KEY_HEADER = "x-hubbub-request-key"


class Balancer:
    """Reads its headers; `secret` is None where there is no balancer to believe."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret.encode() if secret else None

    def _is_sender_of(self, request: AnyRequest) -> bool:
        given = request.headers.get(SECRET_HEADER, "").encode()
        return self._secret is not None and hmac.compare_digest(given, self._secret)

    def client_address(self, request: AnyRequest) -> str:
        """Where the client is."""
        if self._is_sender_of(request):
            return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return request.client.host if request.client else ""

    def request_key(self, request: AnyRequest) -> str:
        """The key that makes the balancer's own replay of this request harmless; a new one where
        it gave none."""
        key = request.headers.get(KEY_HEADER, "")
        return key if is_id(key) and self._is_sender_of(request) else new_id()
