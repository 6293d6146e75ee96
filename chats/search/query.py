"""Parses search queries. Pure.

Double quotes are the only operator. A string is searched for in a message's line (see words.py);
terms are what the index must hold for a line that has all of them.
"""

import re
from itertools import groupby, pairwise
from typing import Final, NamedTuple
from unicodedata import category

from chats.search.words import is_unspaced, marks_of, split_run, split_runs

MAX_QUERY_CHARACTERS: Final = 200

_QUOTES: Final = re.compile('["\u201c\u201d\u201e\u201f\uff02]')


class Query(NamedTuple):
    """`strings` must all occur in a line; `terms` is a tsquery of the words in the index."""

    strings: list[str]
    terms: str


def parse_query(typed: str) -> Query | None:
    """None if there is neither a letter nor a digit, so nothing to search for.

    All words must occur, in any order. The last one outside quotes may be the beginning of a word;
    words in quotes must be adjacent; an unbalanced quote is closed by the end.
    """
    if not any(category(character)[0] in "LN" for character in typed):
        return None
    phrases: list[list[str]] = []
    beginning = -1  # which phrase is the last word outside quotes
    for number, part in enumerate(_QUOTES.split(typed)):
        runs = [split_run(run) for run in split_runs(part)]
        if number % 2 == 0:
            phrases += runs
            beginning = len(phrases) - 1 if runs else beginning
        elif runs:
            phrases.append([piece for run in runs for piece in run])
    if not phrases:
        return None
    strings = [_string(p, is_open=n == beginning) for n, p in enumerate(phrases)]
    terms = [t for n, p in enumerate(phrases) for t in _terms(p, is_open=n == beginning)]
    return Query(list(dict.fromkeys(strings)), " & ".join(dict.fromkeys(terms)))


def _string(pieces: list[str], *, is_open: bool) -> str:
    before = "" if is_unspaced(pieces[0]) else " "
    behind = "" if is_open or is_unspaced(pieces[-1]) else " "
    return before + " ".join(pieces) + behind


def _terms(pieces: list[str], *, is_open: bool) -> list[str]:
    """Pieces hold letters, marks and digits only, so quoting them needs no escapes."""
    terms: list[str] = []
    whole = pieces[:-1] if is_open else pieces
    for is_run, some in groupby(whole, is_unspaced):
        if is_run:
            terms += [term for piece in some for term in _unspaced_terms(piece)]
        else:
            words = list(some)
            terms += [f"'{term}'" for term in (*words, *marks_of(words))]
    if is_open:
        last = pieces[-1]
        terms += _unspaced_terms(last) if is_unspaced(last) else [f"'{last}':*"]
    return terms


def _unspaced_terms(run: str) -> list[str]:
    if len(run) == 1:
        return [f"'{run}'"]
    return [f"'{a}{b}'" for a, b in pairwise(run)]
