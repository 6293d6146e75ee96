"""What is found in texts of many scripts, and by strings that trip query parsers."""

import json
from pathlib import Path

import pytest

from chats.search.query import parse_query
from chats.search.words import line_of

CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "search_cases.json").read_text())


@pytest.mark.parametrize(
    ("text", "typed", "found"),
    [
        (case["text"], typed, found)
        for case in CASES
        for key, found in (("finds", True), ("misses", False))
        for typed in case[key]
    ],
)
def test_a_query_finds_a_text_or_does_not(text: str, typed: str, found: bool) -> None:
    """By the strings that the text's line must contain."""
    query = parse_query(typed)
    assert query is not None
    line = line_of(text)
    assert all(string in line for string in query.strings) == found
