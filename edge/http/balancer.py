"""The client's address and the key of a request, as the balancer reports them, if there is one."""

from typing import Final

from common.calls.balancer import BALANCER_HEADER, Word, read_word
from common.protocol.ids import is_id, new_id
from edge.http.headers import find_header
from edge.http.request import AnyRequest

_HEADER: Final = BALANCER_HEADER.encode()


class Balancer:
    """Reads its header; `secret` is None if there is no balancer to trust."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def _word_on(self, request: AnyRequest) -> Word | None:
        return read_word(find_header(request.scope, _HEADER) or "", self._secret)

    def client_address(self, request: AnyRequest) -> str:
        """The client's address."""
        if word := self._word_on(request):
            return word.client_address
        return request.client.host if request.client else ""

    def request_key(self, request: AnyRequest) -> str:
        """The key that makes the balancer's own replay of this request harmless; a new one if it
        sent none."""
        word = self._word_on(request)
        return word.request_key if word and is_id(word.request_key) else new_id()
