"""Splits texts into words and folds them, for messages and queries alike. Pure.

A text becomes a line of its words, each with a space before and after it, so that a text contains a
word, a prefix or a phrase if its line contains a certain string. Scripts without spaces between
words (Han, Kana, Thai, Lao, Khmer, Burmese) stay as runs, found at any place.
"""

import re
from collections.abc import Iterable
from itertools import groupby, islice, pairwise
from typing import Final
from unicodedata import category, name, normalize
from zlib import crc32

MAX_WORD_CHARACTERS: Final = 200
# As in Unicode's Stream-Safe Text Format (UAX #15, section 13): no language needs as many, and the
# time for normalising a run of marks grows with the square of its length.
MAX_COMBINING_MARKS: Final = 30
# As many as the longest message can have. In its compatibility form U+FDFA alone has 18.
MAX_TEXT_CHARACTERS: Final = 8_192
MAX_LETTERS_KEPT: Final = 2**14  # more than people write, in whatever scripts
_FIRST_MARK: Final = 0xF0000  # for private use
_MARKS: Final = 2**15  # a block has about one in thirty of them

_ASCII: Final = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
# Scripts without spaces, by their blocks in Unicode.
_UNSPACED: Final = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f"
    "\u3031-\u303c\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_is_unspaced: Final = re.compile(f"[{_UNSPACED}]").match
_SCRIPT_CHANGES: Final = re.compile(
    f"(?<=[{_UNSPACED}])(?=[^ {_UNSPACED}])|(?<=[^ {_UNSPACED}])(?=[{_UNSPACED}])"
)
# Latin, Greek and Cyrillic letters lose the marks behind them.
_MARKED: Final = re.compile(
    "([a-zA-Z\u00aa-\u02af\u0370-\u052f\u1c80-\u1c8f\u1d00-\u1dbf\u1e00-\u1fff\u2184\u2c60-\u2c7f"
    "\ua640-\ua66e\ua680-\ua69d\ua720-\ua7ff\uab30-\uab6f\U0001df00-\U0001dfff])"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u2de0-\u2dff\ua66f-\ua672"
    "\ua674-\ua67d\ua69e\ua69f\ufe20-\ufe2f\U0001e08f]+"
)
# Signs that separate words, like U+00B4, although their compatibility forms have marks.
_SPACING_MARKS: Final = re.compile(
    "[\u00a8\u00af\u00b4\u00b8\u02d8-\u02dd\u0384\u0385\u1fbd\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf"
    "\u1fed\u1fee\u1ffd\u1ffe\u2017\u203e\u2adc\u309b\u309c\ufe49-\ufe4c\uffe3"
    "\U0001d15e-\U0001d164\U0001d1bb-\U0001d1c0]"
)
# They choose how a character is drawn, as in ❤️, and do not change the word.
_VARIATION_SELECTORS: Final = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_HALFWIDTH_MARKS: Final = "\uff9e\uff9f"  # letters whose compatibility forms are marks
_MAY_HAVE_MANY_MARKS: Final = re.compile(f"[\\W{_HALFWIDTH_MARKS}]{{{MAX_COMBINING_MARKS + 1},}}")
_LATIN_NAME: Final = re.compile(
    r"LATIN SMALL (?:LETTER|LIGATURE) (?:DOTLESS |LONG )?([A-Z]|A[AEOUVY]|OE|OO|TZ|VY)(?: WITH .*)?"
)
# Letters that have no decomposition and whose names do not say what they stand for.
_TAKEN_APART: Final = {
    "ß": "ss", "þ": "th", "ð": "d", "ŋ": "n", "ĸ": "q", "ƕ": "hv", "ƣ": "oi", "ȸ": "db", "ȹ": "qp",
    "ɛ": "e", "\u0269": "i", "ʉ": "u", "ỻ": "ll", "ỽ": "v",
}  # fmt: skip


class Letters(dict[int, str]):
    """For `str.translate`: word separators become spaces, and Latin letters beyond ASCII what
    PostgreSQL's `unaccent` makes of them. Filled as characters are met; a complete table would take
    90 MB."""

    def __missing__(self, code: int) -> str:
        if len(self) >= MAX_LETTERS_KEPT:
            self.clear()
        character = chr(code)
        if category(character)[0] not in "LMN":
            self[code] = " "
        else:
            self[code] = _TAKEN_APART.get(character) or _plain_latin(character)
        return self[code]


def _plain_latin(character: str) -> str:
    found = _LATIN_NAME.fullmatch(name(character, ""))
    return found[1].lower() if found else character


_LETTERS: Final = Letters({ord(" "): " "})


def split_runs(text: str) -> list[str]:
    """Runs of letters, marks and digits, folded: full case folding, no marks on Latin, Greek and
    Cyrillic letters, compatibility forms as NFKC has them, of which the first `MAX_TEXT_CHARACTERS`
    count. Marks count up to the 30th in a row."""
    if text.isascii():
        return text.translate(_ASCII).split()
    text = _SPACING_MARKS.sub(" ", _VARIATION_SELECTORS.sub("", text))
    text = _MAY_HAVE_MANY_MARKS.sub(_cut_marks, text)
    text = normalize("NFKC", text)[:MAX_TEXT_CHARACTERS]
    folded = normalize("NFD", text.casefold())
    return normalize("NFKC", _MARKED.sub(r"\1", folded)).translate(_LETTERS).split()


def _cut_marks(found: re.Match[str]) -> str:
    return "".join(
        character
        for is_mark, run in groupby(found[0], _is_mark)
        for character in (islice(run, MAX_COMBINING_MARKS) if is_mark else run)
    )


def _is_mark(character: str) -> bool:
    return category(character)[0] == "M" or character in _HALFWIDTH_MARKS


def split_run(run: str) -> list[str]:
    """A run split into the pieces that a line separates: where a script without spaces begins or
    ends."""
    if run.isascii():
        return [run[:MAX_WORD_CHARACTERS]]
    pieces = _SCRIPT_CHANGES.sub(" ", run).split(" ")
    return [p if is_unspaced(p) else p[:MAX_WORD_CHARACTERS] for p in pieces]


def is_unspaced(piece: str) -> bool:
    """Whether the piece is of a script without spaces."""
    return _is_unspaced(piece) is not None


def line_of(text: str) -> str:
    """The line of a text: its pieces in order, a space before and behind each; " " if there is
    none."""
    pieces = split_runs(text)
    if not text.isascii() or max(map(len, pieces), default=0) > MAX_WORD_CHARACTERS:
        pieces = [piece for run in pieces for piece in split_run(run)]
    return f" {' '.join(pieces)} " if pieces else " "


def pairs_of(line: str) -> list[str]:
    """The keys by which phrases are looked up, besides the words: marks of neighbours, and of
    unspaced runs each character and each adjacent pair."""
    pieces = line.split()
    if line.isascii():
        return marks_of(pieces)
    found: set[str] = set()
    for is_run, some in groupby(pieces, is_unspaced):
        if is_run:
            for piece in some:
                found.update(piece)
                found.update(a + b for a, b in pairwise(piece))
        else:
            found.update(marks_of(some))
    return sorted(found)


def marks_of(words: Iterable[str]) -> list[str]:
    """For each two neighbours a mark, which is not a letter of any word. Many texts have both
    words, few of them side by side. A mark stands for many neighbours: fewer lists to add to."""
    octets = [word.encode() for word in words]
    return [chr(_FIRST_MARK + crc32(b, crc32(a)) % _MARKS) for a, b in pairwise(octets)]
