"""Recognises text that is one emoji, and its fully qualified spelling: Unicode's emoji-test.txt
(UTS #51).

Keyboards leave out the variation selector that asks for the colourful form. The list has each emoji
with every subset of its selectors, and nothing else, so it is enough to store the fully qualified
ones.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import Final

VARIATION_SELECTOR: Final = "\ufe0f"
WRONG_EMOJI: Final = "must be one emoji of Unicode's list"
LIST: Final = Path(__file__).with_name("emoji.txt")
MAX_SPELLING_CHARACTERS: Final = 10


def qualify_emoji(text: str) -> str | None:
    """The fully qualified spelling; None if the text is not exactly one emoji."""
    # Longer texts are not cached, or a client that sends such texts would fill the memory.
    return _qualify(text) if len(text) <= MAX_SPELLING_CHARACTERS else None


@lru_cache(4096)  # all of them, and some texts that are none
def _qualify(text: str) -> str | None:
    whole = _whole_by_bare().get(text.replace(VARIATION_SELECTOR, ""))
    return whole if whole is not None and _is_spelling(text, whole) else None


@cache  # read at the first reaction
def _whole_by_bare() -> dict[str, str]:
    spellings = LIST.read_text().split()
    return {whole.replace(VARIATION_SELECTOR, ""): whole for whole in spellings}


def _is_spelling(text: str, whole: str) -> bool:
    """Whether it is the whole spelling with some or no selectors missing."""
    characters = iter(text)
    expected = next(characters, "")
    for character in whole:
        if character == expected:
            expected = next(characters, "")
    return not expected
