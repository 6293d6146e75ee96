"""The search for the number of users that a system can serve."""

import pytest

from loadtest.climb import Climb, Objective, broken, is_met
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


@pytest.mark.parametrize(
    ("held", "tally", "every_time", "good"),
    [
        ((True, False), Tally(answered=1), False, True),
        ((True, False), Tally(answered=1), True, False),
        ((True, True), Tally(answered=1), True, True),
        ((False,), Tally(answered=1), False, False),
        ((False,), Tally(answered=1), True, False),
        ((), Tally(), False, False),
        ((True,), Tally(lost=1), False, False),
        ((True,), Tally(doubled=1), False, False),
        ((True,), Tally(out_of_order=1), True, False),
        ((True,), Tally(unanswered=1), True, False),
        ((True,), Tally(answered=1, cuts=1), False, True),
    ],
)
def test_a_run_is_good_by_what_held_and_how_everything_arrived(
    held: tuple[bool, ...], tally: Tally, every_time: bool, good: bool
) -> None:
    """A climb ends where a number breaks; a run at one number must not break at all."""
    climb = Climb(100)
    for one in held:
        climb.note(100, held=one)
    assert is_met(climb, tally, every_time=every_time) == good
