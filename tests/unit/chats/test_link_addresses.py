"""Which links of a text are fetched."""

import json
from pathlib import Path
from typing import Any

import pytest

from chats.links.addresses import find_addresses
from tests.fixtures.busy import cpu_seconds

CASES = Path(__file__).parents[2] / "fixtures" / "prose_cases.json"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.org/x.", ["https://a.org/x"]),
        ("(http://a.org/b) and HTTPS://B.org", ["http://a.org/b", "HTTPS://B.org"]),
        (
            "(https://a.org/b_(c)). https://d.org/e_(f)",
            ["https://a.org/b_(c)", "https://d.org/e_(f)"],
        ),
        ("https://a.org https://a.org", ["https://a.org"]),
        ("`https://a.org` and\n```\nhttps://b.org\n```\nhttps://c.org", ["https://c.org"]),
        ("ftp://a.org a.org mailto:x@a.org", []),
        ("https://" + "x" * 3_000, []),
        (" ".join(f"https://{n}.org" for n in range(5)), [f"https://{n}.org" for n in range(3)]),
    ],
)
def test_the_links_of_a_text(text: str, found: list[str]) -> None:
    """Three at most, and none in code."""
    assert find_addresses(text) == found


def test_the_page_shows_the_same_links() -> None:
    """In every case that the browser checks."""
    for case in json.loads(CASES.read_text()):
        assert find_addresses(case["text"]) == _links_in(case["blocks"]), case["text"]


def _links_in(found: Any) -> list[str]:
    """Of blocks, or of parts of them, at any depth."""
    if isinstance(found, list):
        return [link for one in found for link in _links_in(one)]
    if not isinstance(found, dict):
        return []
    return [found["text"]] if found["kind"] == "link" else _links_in(list(found.values()))


def test_fences_that_nothing_closes_are_looked_for_once() -> None:
    """Eight times as many would take 64 times as long if each searched the rest."""
    few, many = ("http://x\n" + "```a\n" * number for number in (1_000, 8_000))
    assert cpu_seconds(lambda: find_addresses(many)) < 24 * cpu_seconds(lambda: find_addresses(few))
