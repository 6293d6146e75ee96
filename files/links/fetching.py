"""Fetches one page: only from the public Internet, with few redirects, within a short time."""

import asyncio
import re
from typing import Final
from urllib.parse import urljoin, urlsplit

from common.process.variables import WEB_PORTS
from common.protocol.events import LinkPreview
from common.version import VERSION
from files.links.page import preview_of
from files.outside.connection import Answer, connect
from files.outside.lookups import Lookups

MAX_REDIRECTS: Final = 3
MAX_BYTES: Final = 512 * 1024
FETCH_SECONDS: Final = 5.0  # redirects included
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_HEADERS: Final = {
    "User-Agent": f"Hubbub/{VERSION} (preview of a link)",
    "Accept": "text/html",
    "Accept-Encoding": "identity",
}


# email.message fails on some headers that pages send, and takes seconds for long ones.
_search_charset: Final = re.compile(
    r";\s*charset\s*=\s*\"?([A-Za-z0-9_-]{1,40})", re.ASCII | re.IGNORECASE
).search


async def fetch_preview(
    url: str, lookups: Lookups, *, loopback: bool = False
) -> LinkPreview | None:
    """None if it cannot be fetched, for whatever reason. `loopback`: for tests."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            answer = await _follow(url, lookups, loopback=loopback)
    except (OSError, ValueError):
        return None
    if answer is None:
        return None
    kind = answer.headers.get("content-type", "")
    is_page = kind.partition(";")[0].strip().lower() == "text/html"
    is_plain = answer.headers.get("content-encoding", "identity") == "identity"
    if answer.status != 200 or not is_page or not is_plain:
        return None
    charset = _search_charset(kind)
    return preview_of(url, answer.body, charset and charset.group(1))


async def _follow(url: str, lookups: Lookups, *, loopback: bool) -> Answer | None:
    """Each redirect target is checked like the first address. Raises OSError, ValueError."""
    for _ in range(1 + MAX_REDIRECTS):
        if not loopback and not is_askable(url):
            return None
        connection = await connect(url, lookups, loopback=loopback)
        try:
            answer = await connection.ask("GET", _HEADERS, max_body_bytes=MAX_BYTES)
        finally:
            connection.close()
        place = answer.headers.get("location")
        if answer.status not in _REDIRECTS or place is None:
            return answer
        url = urljoin(url, _as_sent(place))
    return None


def _as_sent(place: str) -> str:
    """Reads a header that contains raw UTF-8 as browsers do."""
    try:
        return place.encode("latin-1").decode()
    except UnicodeError:
        return place


def is_askable(url: str) -> bool:
    """Whether it is a page on a default port, without a user name or password. Raises
    ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in WEB_PORTS or parts.username is not None or parts.password is not None:
        return False
    return parts.port in (None, WEB_PORTS[parts.scheme])
