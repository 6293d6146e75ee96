"""Parsing what a user types to find messages."""

import pytest

from chats.search.query import parse_query
from chats.search.words import line_of, marks_of


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("garden", "The garden is ours", True),
        ("GARD", "The garden is ours", True),
        ("arden", "The garden is ours", False),
        ("garden the", "The garden is ours", True),
        ("gard the", "The garden is ours", False),
        ("ours gard", "The garden is ours", True),
        ('"garden is"', "The garden is ours", True),
        ('"garden ours"', "The garden is ours", False),
        ('"the gard"', "The garden is ours", False),
        ('"is ours" gard', "The garden is ours", True),
        ("“garden is”", "The garden is ours", True),
        ('"garden is', "The garden is ours", True),
        ('"gard', "The garden is ours", False),
        ("foo_bar", "bar and foo", True),
        ("a@b.org", "mail a.b at org", True),
        ("x & y | !z:*", "x y z", True),
        ("x & y | !z:*", "x y", False),
        ("' OR 1=1 --", "or 1 1", True),
        ("漢字", "これは漢字です", True),
        ("字漢", "これは漢字です", False),
        ("字です", "これは漢字です", True),
        ("漢字 これ", "これは漢字です", True),
        ("foo漢", "a foo漢字 b", True),
        ("foo漢", "漢字 foo", False),
        ('"字です end"', "これは漢字です end", True),
        ("strasse", "Straße", True),
        ("STRASSE", "Straße", True),
        ("lodz", "Łódź", True),
        ("x" * 200, "x" * 250, True),
        ("%", "100%", False),
    ],
)
def test_a_query_finds_what_the_contract_says(typed: str, text: str, found: bool) -> None:
    """All words, the last one outside quotes as a prefix, quoted ones next to each other."""
    query = parse_query(typed)
    line = line_of(text)
    assert (query is not None and all(wanted in line for wanted in query.strings)) == found


@pytest.mark.parametrize("typed", ["", " ", '""', "!?", "\u0301", '" "'])
def test_a_query_without_letter_or_digit_asks_for_nothing(typed: str) -> None:
    """Marks, signs and quotes are not words."""
    assert parse_query(typed) is None


def test_terms_are_words_of_the_index() -> None:
    """Whole words, prefixes, and every pair of characters in unspaced runs."""
    query = parse_query('foo "bar 漢字と" 字 be')
    assert query is not None
    assert query.terms == "'foo' & 'bar' & '漢字' & '字と' & '字' & 'be':*"


def test_a_phrase_is_looked_up_by_the_marks_of_its_words() -> None:
    """Not words that are merely in the same query."""
    query = parse_query('"one two" three')
    assert query is not None
    (mark,) = marks_of(["one", "two"])
    assert query.terms == f"'one' & 'two' & '{mark}' & 'three':*"
