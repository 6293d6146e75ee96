"""An HTTP answer whose bytes are ready: Litestar, or the front, passes it on and adds nothing.

Knows no request.
"""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from edge.http.encoding import takes_gzip
from edge.http.headers import find_header

JSON = "application/json"
WORTH_COMPRESSING_BYTES: Final = 2_048
MOST_AT_ONCE_BYTES: Final = 262_144  # up to 9 ms: other requests wait meanwhile
COMPRESSION_LEVEL: Final = 1  # 4 saves a tenth on a list of chats, and takes twice as long
GZIP: Final = 31  # the window's size and the format, as zlib writes them

encode_json: Final = msgspec.json.Encoder().encode


class Answer(Response[bytes]):
    """A response that sends itself. Litestar's own creates two more objects, for cookies, encodings
    and background tasks that nothing here uses."""

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = JSON,
    ) -> None:
        self.content = body
        self.full_bytes = len(body)  # also of one that is compressed
        self.status_code = status
        self._headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        self.may_be_whole = not headers
        if headers:
            for name, value in headers.items():
                self._headers.append((name.lower().encode(), value.encode("latin-1")))

    def settle(self, scope: Scope) -> None:
        """Called before anything of it is read: it may depend on what the client accepts."""

    def head(self) -> bytes:
        """Its headers as they are sent, where it `may_be_whole`: they contain no text from users,
        so they need no check for characters that headers must not contain."""
        return b"".join([b"%b: %b\r\n" % header for header in self._headers])

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        # The arguments only say what the framework would add, which is nothing here.
        return self.send_itself

    async def send_itself(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.settle(scope)
        start: Message = {
            "type": "http.response.start",
            "status": self.status_code or 200,
            "headers": self._headers,
        }
        await send(start)
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


class CompressedAnswer(Answer):
    """The same, compressed for clients that accept it: for long, repetitive bodies."""

    _is_settled = False

    def settle(self, scope: Scope) -> None:
        if self._begin(scope):
            self._become(_compress(self.content))

    async def settle_in_thread(self, scope: Scope) -> None:
        """The same for a long body; a shorter one is settled when it is sent."""
        if len(self.content) > MOST_AT_ONCE_BYTES and self._begin(scope):
            self._become(await asyncio.to_thread(_compress, self.content))

    def _begin(self, scope: Scope) -> bool:
        """Whether to compress it."""
        if self._is_settled or len(self.content) < WORTH_COMPRESSING_BYTES:
            return False
        self._is_settled = True
        self._headers.append((b"vary", b"accept-encoding"))
        return takes_gzip(find_header(scope, b"accept-encoding") or "")

    def _become(self, compressed: bytes) -> None:
        self.content = compressed
        self._headers = [
            *(header for header in self._headers if header[0] != b"content-length"),
            (b"content-length", b"%d" % len(self.content)),
            (b"content-encoding", b"gzip"),
        ]


def _compress(body: bytes) -> bytes:
    compressor = zlib.compressobj(COMPRESSION_LEVEL, wbits=GZIP)
    return compressor.compress(body) + compressor.flush()


def json_answer(
    body: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(encode_json(body), status, headers)
