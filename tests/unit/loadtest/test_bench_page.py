"""The page of benchmarks; a run may write only some of its sections."""

from loadtest.bench.page import Page
from loadtest.bench.report import HEADINGS, INTRODUCTION, renew_report
from loadtest.peers.figures import Rows
from loadtest.peers.resting import RESTING

REST = [
    {
        "part": "rest", "what": what, "server": "hubbub", "round": 0, "mb": mb,
        "core_percent": 0.5, "others_cores": 0.25,
        "by_role": {"edge": {"processes": 2, "mb": 40.0, "core_percent": 0.1}},
    }
    for what, mb in zip(RESTING, (200.0, 100.0), strict=True)
]  # fmt: skip
BEFORE = """# An older introduction

## Targets

| target | measured | asked for | |
| --- | ---: | ---: | --- |
| idle socket, kB | 9.00 | ≤ 7.00 | **MISSED** |
| `make run` at rest, MB (PSS) | 300 | ≤ 269 | **MISSED** |
| nothing that is judged today | 1 | ≤ 2 | met |

## Sends

Of another run.

## At rest

Of another run, too.

## Growth

The last one.
"""


def test_a_page_is_put_together_again() -> None:
    """In the requested order, whatever the order in which sections were added."""
    page = Page("# Title\n\n## One\n\nfirst\n\n## Two\n\nsecond\n")
    page.put(["## Two", "", "anew", ""])
    page.put(["## Three", "", "third"])
    text = page.text(("Three", "One", "Two", "Four"))
    assert text == "# Title\n\n## Three\n\nthird\n\n## One\n\nfirst\n\n## Two\n\nanew\n"
    assert Page(text).text(("Three", "One", "Two")) == text


def test_a_run_of_a_part_leaves_the_other_sections() -> None:
    """It replaces its own section and names its run."""
    page = renew_report(BEFORE, Rows(REST), (), {})
    assert page.startswith(INTRODUCTION)
    assert "## Sends\n\nOf another run.\n\n## At rest" in page
    assert "Of another run, too." not in page
    assert "others used 0.2 cores at most*" in Page(page).section("At rest").splitlines()[2]
    assert page.endswith("## Growth\n\nThe last one.\n")


def test_targets_of_other_parts_keep_their_figures() -> None:
    """The targets of this run are evaluated anew; the count covers all of them."""
    targets = Page(renew_report(BEFORE, Rows(REST), (), {})).section("Targets")
    assert "1 of 3 targets MISSED" in targets
    assert "| idle socket, kB | 9.00 | ≤ 7.00 | **MISSED** |" in targets
    assert "| `make run` at rest, MB (PSS) | 200 | ≤ 213 | met |" in targets
    assert "nothing that is judged today" not in targets


def test_each_part_has_its_heading() -> None:
    """Its heading is unique."""
    assert len(set(HEADINGS)) == len(HEADINGS)
