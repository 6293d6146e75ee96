"""Which text is one emoji: the list of Unicode, compared with the package it was generated from."""

from weakref import ref

import pytest
from emoji import EMOJI_DATA, STATUS

from common.protocol.emoji import (
    LIST,
    MAX_SPELLING_CHARACTERS,
    VARIATION_SELECTOR,
    qualify_emoji,
)

WHOLE, COMPONENT = STATUS["fully_qualified"], STATUS["component"]


def test_every_listed_spelling_has_its_qualified_one() -> None:
    """Fully qualified ones stay; others get the missing selectors; components are not emoji."""
    for text, about in EMOJI_DATA.items():
        found = qualify_emoji(text)
        if about["status"] == COMPONENT:
            assert found is None, text
        else:
            assert found is not None, text
            assert EMOJI_DATA[found]["status"] == WHOLE
            bare = [one.replace(VARIATION_SELECTOR, "") for one in (text, found)]
            assert bare[0] == bare[1]
            assert found == text or about["status"] != WHOLE


def test_the_list_is_of_unicode_16_or_later() -> None:
    """It contains an emoji of Unicode 16."""
    assert qualify_emoji("\U0001fae9") == "\U0001fae9"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1",
        "#",
        " 👍",
        "👍👍",
        "👍x",
        "👍\ufe0f",
        "\ufe0f",
        "\u200d",
        "🏽",
        "🇦",
        "🇦🇦",
        "👩‍",
        "❤️❤️",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    """Text, parts of emoji, more than one, selectors that no listed spelling has."""
    assert qualify_emoji(text) is None


class Text(str):
    """A string that can be weakly referenced, to check that nothing holds it."""


def test_no_longer_text_than_the_longest_spelling_is_held() -> None:
    """Longer text is never cached, however much is refused."""
    assert max(map(len, LIST.read_text().split())) == MAX_SPELLING_CHARACTERS
    text = Text("x" * (MAX_SPELLING_CHARACTERS + 1))
    held = ref(text)
    assert qualify_emoji(text) is None
    del text
    assert held() is None
