"""The metadata of a page for a preview: Open Graph, else its title and description. Pure.

Pages are untrusted, so parsing must take time linear in their length: only tags that are complete
and short are read, each on its own.
"""

import re
import unicodedata
from html.parser import HTMLParser
from itertools import islice
from typing import Final

from msgspec import UNSET

from common.protocol.events import LinkPreview
from common.protocol.fields import BIDIRECTIONAL_CONTROLS
from common.protocol.links import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_SITE_NAME_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)

MAX_TAGS: Final = 20  # with something wanted; each may take milliseconds
MAX_TAG_CHARACTERS: Final = 4_000
# A quoted `>` does not end the tag; the quote in `content=it's` begins no quoted text.
_TAG: Final = re.compile(
    r"<meta\b(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')++>"
    r"|<meta\b[^<>]+>|<title\b[^<>]{0,200}>[^<]{1,1000}",
    re.IGNORECASE,
)
_WANTED: Final = re.compile(r"<title|description|og:title|og:site_name", re.IGNORECASE)
_BODY: Final = re.compile(r"<body\b", re.IGNORECASE)
_CHARSET: Final = re.compile(
    rb"<meta[^>]{0,200}charset=[\"' ]?([A-Za-z0-9_-]{1,40})", re.IGNORECASE
)
# Not every codec of Python's: `punycode` takes a minute for half a megabyte.
_TEXT_CHARSET: Final = re.compile(
    r"utf-?8|utf-?16([lb]e)?|(us-)?ascii|latin-?1|iso-?8859-\d{1,2}|(windows-|cp)\d{3,4}|macintosh"
    r"|koi8-[rtu]|gbk|gb2312|gb18030|big5(-hkscs)?|euc-(jp|kr)|shift[-_]jis|iso-2022-jp|tis-620",
    re.IGNORECASE,
)


def preview_of(url: str, body: bytes, charset: str | None) -> LinkPreview | None:
    """None for a page without a title. `charset` is the one from its header."""
    found = _read(_decode(body, charset))
    title = _clean(found.get("og:title") or found.get("title", ""), MAX_TITLE_CHARACTERS)
    if not title:
        return None
    described = found.get("og:description") or found.get("description", "")
    description = _clean(described, MAX_DESCRIPTION_CHARACTERS)
    site_name = _clean(found.get("og:site_name", ""), MAX_SITE_NAME_CHARACTERS)
    return LinkPreview(
        url=url, title=title, description=description or UNSET, site_name=site_name or UNSET
    )


def _decode(body: bytes, charset: str | None) -> str:
    if charset is None and (said := _CHARSET.search(body, 0, 4096)) is not None:
        charset = said.group(1).decode()
    if charset is None or not _TEXT_CHARSET.fullmatch(charset):
        charset = "utf-8"
    try:
        return body.decode(charset, errors="replace")
    except LookupError:  # a code page that does not exist
        return body.decode(errors="replace")


def _read(page: str) -> dict[str, str]:
    """Contents by property or name, the first of each; including `title`."""
    body = _BODY.search(page)
    found: dict[str, str] = {}
    tags = (tag.group() for tag in _TAG.finditer(page, 0, body.start() if body else len(page)))
    short = (tag for tag in tags if len(tag) <= MAX_TAG_CHARACTERS)
    for tag in islice(filter(_WANTED.search, short), MAX_TAGS):
        name, value = _Tag(tag).said
        found.setdefault(name, value)
    return found


class _Tag(HTMLParser):
    """A `meta` tag, or a `title` with its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.said = ("", "")
        self._text: list[str] = []
        self._is_title = False
        self.feed(text)
        self.close()
        if self._is_title:
            self.said = ("title", "".join(self._text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_title = tag == "title"
        values = dict(reversed(attrs))
        name = values.get("property") or values.get("name") or ""
        self.said = (name.strip().lower(), values.get("content") or "")

    def handle_data(self, data: str) -> None:
        self._text.append(data)


def _clean(text: str, most: int) -> str:
    """On one line, without characters that change the direction of the text around it."""
    line = " ".join(text[: 4 * most].split())
    shown = "".join(
        c
        for c in line
        if c not in BIDIRECTIONAL_CONTROLS and unicodedata.category(c) not in ("Cc", "Cs")
    )
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "…"
