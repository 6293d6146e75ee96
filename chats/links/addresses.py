"""The links in a message's text that may have a preview. Pure; nearly the rules of the page's
prose.js: what stands in code is no link."""

import re
from typing import Final

from common.protocol.links import MAX_LINKS, MAX_URL_CHARACTERS

_FENCED: Final = re.compile(r"^```[\w+#.-]{0,20}\n.*?\n```$", re.DOTALL | re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]+`")
# A closing bracket or a stop at the end belongs to the sentence, not to the address.
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"`]*[^\s<>\"`.,;:!?)\]}'’”»*]", re.IGNORECASE)  # noqa: RUF001


def find_addresses(text: str) -> list[str]:
    """The first few, each once."""
    if "://" not in text:
        return []
    prose = _CODE.sub(" ", _FENCED.sub(" ", text))
    found = dict.fromkeys(match.group() for match in _ADDRESS.finditer(prose))
    return [url for url in found if len(url) <= MAX_URL_CHARACTERS][:MAX_LINKS]
