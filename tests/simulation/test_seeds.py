"""`make simulate`, with as many seeds as there is time for on every change."""

import subprocess
import sys

import pytest

from simulation.__main__ import ENVIRONMENT, run_seeds

SEEDS = 100


@pytest.mark.timeout(1800)  # it shares the processor, and takes most of a minute of an idle one
def test_nothing_breaks_in_a_hundred_seeds() -> None:
    """No invariant is broken, whatever is lost, late, killed or cut off."""
    failed = [result for result in run_seeds(1, SEEDS, jobs=2) if result["breach"] is not None]
    assert failed == []


def test_a_seed_repeats_exactly() -> None:
    """The same happens at the same times, even in a process that has run other seeds before."""
    alone = [next(run_seeds(seed, 1, jobs=1)) for seed in (5, 6)]
    after_others = list(run_seeds(1, 6, jobs=1))[4:]
    assert alone == after_others


def test_a_seed_is_shown_as_a_history() -> None:
    """A readable record of who did what and when, from the first connection to the last."""
    shown = subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", "5"],
        env=ENVIRONMENT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "seed 5: theme" in shown
    assert "device-0    ready" in shown
    assert "all held" in shown
