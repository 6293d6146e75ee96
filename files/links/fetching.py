"""Fetches one page: from the open Internet alone, over few redirects, within little time."""

import asyncio
import re
from typing import Final
from urllib.parse import urljoin, urlsplit

from common.protocol.events import LinkPreview
from common.version import VERSION
from files.links.page import preview_of
from files.outside.connection import PORTS, Answer, connect
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


# email.message fails at some of what pages say, and takes seconds for what is long.
_search_charset: Final = re.compile(
    r";\s*charset\s*=\s*\"?([A-Za-z0-9_-]{1,40})", re.ASCII | re.IGNORECASE
).search


async def fetch_preview(
    url: str, lookups: Lookups, *, loopback: bool = False
) -> LinkPreview | None:
    """None where there is none to be had, for whatever reason. `loopback`: for tests."""
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
    """Each address on the way is judged as the first one. Raises OSError, ValueError."""
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
    """Of a header that has UTF-8 as it is, as browsers read it."""
    try:
        return place.encode("latin-1").decode()
    except UnicodeError:
        return place


def is_askable(url: str) -> bool:
    """Whether it is a page on a usual port, without a name and password. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or parts.username is not None or parts.password is not None:
        return False
    return parts.port in (None, PORTS[parts.scheme])
