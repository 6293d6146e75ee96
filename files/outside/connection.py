"""One request over one connection to a checked address: HTTP/1.1, TLS verified by the name.

Follows no redirects, keeps nothing, and reads no more of an answer than requested.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from common.process.variables import WEB_PORTS
from files.outside.addresses import choose_address
from files.outside.lookups import Lookups

MAX_HEAD_BYTES: Final = 32_768
_READ_BYTES: Final = 16_384
_FINAL: Final = 200  # any number of others may come before it, such as 103 Early Hints
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_IN_TARGETS: Final = "/%:?#[]@!$&'()*+,;=-._~"


class AddressRefused(OSError):
    """The name leads to a forbidden address."""


class Answer(NamedTuple):
    """`headers` have lower-case names; `body` is truncated if it was longer than wanted."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Place(NamedTuple):
    """The parts of a URL that a request needs."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == WEB_PORTS[self.scheme] else f"{host}:{self.port}"


def place_of(url: str) -> Place:
    """Raises ValueError for anything but an http or https URL with a host. A non-ASCII name is
    encoded with IDNA, a path percent-encoded."""
    parts = urlsplit(url)
    if parts.scheme not in WEB_PORTS or not parts.hostname:
        raise ValueError(f"{parts.scheme!r} is not asked for anything")
    host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is not asked for anything")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(
        parts.scheme, host, parts.port or WEB_PORTS[parts.scheme], quote(target, safe=_IN_TARGETS)
    )


class Connection:
    """Open until `close`. Good for one request."""

    def __init__(
        self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._place = place
        self._reader, self._writer = reader, writer

    async def ask(
        self, method: str, headers: Mapping[str, str], body: bytes = b"", *, max_body_bytes: int
    ) -> Answer:
        """Raises OSError if no answer arrives."""
        lines = [
            f"{method} {self._place.target} HTTP/1.1",
            f"Host: {self._place.authority}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self._writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        answer = _Answer(max_body_bytes)
        parser = HttpResponseParser(answer)
        head_bytes = all_bytes = 0
        while not answer.is_enough or parser.get_status_code() < _FINAL:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                break
            all_bytes += len(data)
            head_bytes += 0 if answer.has_head else len(data)
            if head_bytes > MAX_HEAD_BYTES:
                raise ConnectionError("the answer's headers are too long")
            # After the head: chunk lengths and trailers, which may be endless.
            if all_bytes - len(answer.body) > 2 * MAX_HEAD_BYTES + max_body_bytes:
                raise ConnectionError("most of the answer is not its body")
            try:
                parser.feed_data(data)
            except (HttpParserError, HttpParserUpgrade) as error:
                raise ConnectionError(f"the answer is not HTTP: {error}") from error
        if not answer.has_head or parser.get_status_code() < _FINAL:
            raise ConnectionError("the connection ended before the answer")
        return Answer(parser.get_status_code(), answer.headers, bytes(answer.body[:max_body_bytes]))

    def close(self) -> None:
        self._writer.transport.abort()


class _Answer:
    """httptools calls the `on_` methods."""

    def __init__(self, max_body_bytes: int) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.has_head = self._is_whole = False
        self._max_body_bytes = max_body_bytes

    @property
    def is_enough(self) -> bool:
        is_full = len(self.body) >= self._max_body_bytes
        return self._is_whole or (self.has_head and is_full)

    def on_message_begin(self) -> None:
        self.headers.clear()
        self.has_head = self._is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1").strip())

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self._is_whole = True


async def connect(url: str, lookups: Lookups, *, loopback: bool = False) -> Connection:
    """Connects to the address that the URL's name leads to now. Raises AddressRefused for a
    forbidden one, OSError if nothing answers there, ValueError for any other kind of URL."""
    place = place_of(url)
    address = choose_address(await _look_up(place, lookups), loopback=loopback)
    if address is None:
        raise AddressRefused(f"{place.host} is not on the Internet")
    tls = _tls() if place.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        address,
        place.port,
        ssl=tls,
        server_hostname=place.host if tls else None,
        limit=_READ_BYTES,
    )
    return Connection(place, reader, writer)


async def _look_up(place: Place, lookups: Lookups) -> list[str]:
    """All addresses that the name leads to. Raises OSError, ValueError."""
    with contextlib.suppress(ValueError):
        return [str(ip_address(place.host))]  # needs no look-up
    return await lookups.find(place.host, place.port)


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificate authorities takes tens of milliseconds."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
