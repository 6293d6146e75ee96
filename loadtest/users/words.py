"""The words that simulated users write and search for: invented, a few common and most rare, as in
any language."""

import random
from itertools import accumulate
from typing import Final

WORDS: Final = 5_000
WORDS_A_MESSAGE: Final = 8

_words = [f"w{number}" for number in range(WORDS)]
_weights = list(accumulate(1 / (1 + number) for number in range(WORDS)))  # Zipf's law


def choose_text() -> str:
    """A message."""
    words = random.choices(_words, cum_weights=_weights, k=WORDS_A_MESSAGE)  # noqa: S311 - no secret
    return " ".join(words)


def choose_word() -> str:
    """One that people write; common ones are also looked for more often."""
    return random.choices(_words, cum_weights=_weights)[0]  # noqa: S311 - no secret
