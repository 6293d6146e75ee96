"""The search for the number of users that a system can serve."""

import pytest

from loadtest.climb import Climb, Objective, broken
from loadtest.users.figures import Figures, Tally

GOOD = Figures(
    seconds=15.0, requests=10_000, failures=0, deliveries=40_000, p50_ms=20, p99_ms=250, late_ms=5,
    reasons={},
)  # fmt: skip


@pytest.mark.parametrize("bears", [1, 40, 100, 149, 700, 1234])
def test_the_climb_ends_near_what_is_borne(bears: int) -> None:
    """Within a tenth below, never above, in a dozen steps."""
    climb = Climb(100)
    steps = 0
    while number := climb.next():
        climb.note(number, held=number <= bears)
        steps += 1
    assert bears * 0.9 - 1 <= climb.held <= bears
    assert steps <= 14


def test_figures_at_the_objective_hold() -> None:
    """250 ms and one failure in 4,000 are allowed, more is not."""
    at_the_edge = GOOD._replace(requests=4_000, failures=1)
    assert broken(Objective(), at_the_edge, 0, Tally()) == []


@pytest.mark.parametrize(
    ("figures", "lost", "tally", "word"),
    [
        (GOOD._replace(p99_ms=251), 0, Tally(), "p99 251 ms"),
        (GOOD._replace(failures=3, reasons={"post: 503": 3}), 0, Tally(), "post: 503"),
        (GOOD._replace(requests=0), 0, Tally(), "there were none"),
        (GOOD, 1, Tally(lost=1), "1 deliveries lost"),
        (GOOD, 0, Tally(doubled=2), "2 doubled"),
    ],
)
def test_what_broke_is_said(figures: Figures, lost: int, tally: Tally, word: str) -> None:
    """One sentence for each part of the objective."""
    (said,) = broken(Objective(), figures, lost, tally)
    assert word in said
