"""The benchmark's targets for its own figures."""

from loadtest.bench.targets import describe_targets, judge_targets
from loadtest.peers.figures import Rows


def _rows(hubbub: float, centrifuge: float) -> Rows:
    return Rows(
        [
            {"what": "F3 fast", "server": server, "round": 0, "per_core_s": figure}
            for server, figure in (("hubbub", hubbub), ("centrifuge", centrifuge))
        ]
    )


def test_a_target_that_is_reached_is_met() -> None:
    """The target is at least twice centrifuge's deliveries; exactly twice meets it."""
    (verdict,) = judge_targets(_rows(200_000, 100_000))
    assert verdict.met
    assert str(verdict).startswith("met: F3 flat out")


def test_a_target_that_is_not_reached_is_printed_as_missed() -> None:
    """On the screen and in the page."""
    verdicts = judge_targets(_rows(171_000, 100_000))
    assert str(verdicts[0]).startswith("MISSED: F3 flat out")
    assert "1 of 1 targets MISSED" in (page := "\n".join(describe_targets(verdicts)))
    assert "| 1.71 | ≥ 2.00 | **MISSED** |" in page


def test_what_was_not_measured_is_not_judged() -> None:
    """A run of some parts says nothing about the others."""
    assert judge_targets(Rows()) == []


def test_stuck_readers_must_end_for_what_they_do() -> None:
    """A reader ended as dead (4006) instead of slow (4008) misses the target."""
    rows = [
        {
            "what": "stuck readers", "server": server, "round": 0, "p99_ms": p99,
            "ends": {"4008": 999, "4006": 1},
        }
        for server, p99 in (("without", 3.0), ("with", 5.0))
    ]  # fmt: skip
    others, ended = judge_targets(Rows(rows))
    assert others.met  # 1.67 times, but only 2 ms more
    assert not ended.met
