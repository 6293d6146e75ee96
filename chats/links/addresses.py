"""The links in a message's text that may have a preview. Pure; nearly the rules of the page's
prose.js: text inside code is not a link."""

import re
from collections.abc import Iterator
from typing import Final

from common.protocol.links import MAX_LINKS, MAX_URL_CHARACTERS

_FENCE: Final = "```"
_is_opening: Final = re.compile(r"```[\w+#.-]{0,20}", re.ASCII).fullmatch
_CODE: Final = re.compile(r"`[^`\n]+`")
# A closing bracket or a full stop at the end belongs to the sentence, not to the address.
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"`]*[^\s<>\"`.,;:!?)\]}'’”»*]", re.IGNORECASE)  # noqa: RUF001


def find_addresses(text: str) -> list[str]:
    """The first few, without duplicates."""
    if "://" not in text:
        return []
    prose = _CODE.sub(" ", "\n".join(_outside_fences(text.split("\n"))))
    found = dict.fromkeys(_whole(match) for match in _ADDRESS.finditer(prose))
    return [url for url in found if len(url) <= MAX_URL_CHARACTERS][:MAX_LINKS]


def _whole(match: re.Match[str]) -> str:
    """With the bracket behind it that closes one of its own."""
    url = match.group()
    is_closed = url.count("(") <= url.count(")")
    return url if is_closed or match.string[match.end() : match.end() + 1] != ")" else url + ")"


def _outside_fences(lines: list[str]) -> Iterator[str]:
    """The text outside code fences. A fence that no later line closes is text. Reads no line more
    than twice."""
    number, may_close = 0, True
    while number < len(lines):
        if may_close and _is_opening(lines[number]):
            try:
                number = lines.index(_FENCE, number + 1) + 1
            except ValueError:
                may_close = False
            else:
                continue
        yield lines[number]
        number += 1
