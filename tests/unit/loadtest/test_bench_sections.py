"""The benchmark's sections on storms, stuck readers and costs."""

from typing import Any

from loadtest.bench.costs import describe_costs
from loadtest.bench.earlier import describe_earlier
from loadtest.bench.sections import (
    describe_changes,
    describe_storms,
    describe_stuck_readers,
)
from loadtest.peers.earlier import EARLIER
from loadtest.peers.figures import Rows


def row(what: str, server: str, round_: int, **figures: Any) -> dict[str, Any]:
    return {"what": what, "server": server, "round": round_, **figures}


def test_a_cost_is_the_median_of_the_pairs_ratios() -> None:
    """Each "with" is compared with the "without" of its own pair."""
    what = "telling, spread by socket"
    rows = []
    for round_, (with_it, without) in enumerate([(103, 100), (204, 200), (330, 300)]):
        rows.append(row(what, "with", round_, us=with_it))
        rows.append(row(what, "without", round_, us=without))
    line = describe_costs(Rows(rows))[-2]
    assert "| 204.00 | 200.00 | +3.0% ± 2.1% | +2.5% to +6.5% | 3 | under 3% |" in line


def test_a_storm_shows_its_median_and_its_worst() -> None:
    """Of seconds and queries; the events that were not replayed are summed."""
    rows = [
        row(
            "storm, one node", "hubbub", n, sockets=5000, back_s=seconds, outage_s=seconds + 1,
            tried_again=0, reconnect_us=300.0, us_by_tier={"realtime": 250.0, "chats": 50.0},
            queries_per_100=0.5, undelivered=n, lost=0,
        )
        for n, seconds in enumerate((1.0, 2.0, 6.0))
    ]  # fmt: skip
    line = describe_storms(Rows(rows))[-2]
    assert "5,000 | 2.00 (worst 6.00) | 3.00 | 0 (worst 0) | 300 | realtime 250, chats 50 |" in line
    assert line.endswith("| 0.50 (worst 0.50) | 3 |")


def test_stuck_readers_are_judged_by_the_median_round() -> None:
    """Ratio and difference, peak memory, ends by code."""
    rows = [row("full load", "hubbub", 0, deliveries_per_s=100_000.0)]
    for n, (calm, stuck) in enumerate([(10.0, 11.0), (10.0, 12.0), (10.0, 30.0)]):
        rows.append(
            row(
                "stuck readers", "without", n, p99_ms=calm, p50_ms=1.0, max_ms=20.0,
                deliveries_per_s=60_000.0, server_core=0.5,
            )
        )  # fmt: skip
        rows.append(
            row(
                "stuck readers", "with", n, p99_ms=stuck, p50_ms=1.0, max_ms=40.0,
                grown_mb=10.0 * n, ends={"4008": 1000}, not_ended=0,
            )
        )  # fmt: skip
    rows[-1]["others_cores"] = 0.0
    text = "\n".join(describe_stuck_readers(Rows(rows)))
    assert "in the median of 3 undisturbed rounds 1.20 times, +2.00 ms" in text
    assert "60,000 deliveries/s, with which the node, alone on its core, uses 50% of it" in text
    assert "grew by at most 20 MB" in text
    assert "4008: 3,000; left open: 0" in text
    rows[-1]["others_cores"] = 0.5
    text = "\n".join(describe_stuck_readers(Rows(rows)))
    assert "in the median of 2 undisturbed rounds 1.15 times, +1.50 ms" in text


def test_what_was_not_measured_has_no_section() -> None:
    """There is no table without rows."""
    assert describe_storms(Rows()) + describe_stuck_readers(Rows()) + describe_costs(Rows()) == []


def test_changed_messages_stand_beside_plain_ones() -> None:
    """A row each for pages and events, with the ratio of their CPU."""
    rows = [
        {"what": what, "server": server, "round": 0, "us": us, "p50_ms": 1.0, "others_cores": 0.0}
        for what, server, us in (
            ("history, newest", "changed", 120.0), ("history, newest", "plain", 100.0),
            ("history, older", "changed", 300.0), ("history, older", "plain", 200.0),
            ("an event", "reaction", 90.0), ("an event", "send", 100.0),
        )
    ]  # fmt: skip
    lines = describe_changes(Rows(rows))
    assert [line.split("|")[-2].strip() for line in lines[-4:-1]] == ["1.20", "1.50", "0.90"]
    assert describe_changes(Rows()) == []


def test_the_earlier_one_is_compared_turn_by_turn() -> None:
    """By the median of the pairs' ratios, which is not the ratio of the medians."""
    rows = []
    for turn, (now, then) in enumerate([(100.0, 200.0), (300.0, 400.0), (90.0, 100.0)]):
        for server, us in (("hubbub", now), (EARLIER, then)):
            figures = {"requests_per_s": 1e6 / us, "us": us, "p50_ms": 1.0, "p99_ms": 2.0}
            rows.append(row("earlier, newest page of 50", server, turn, **figures))
    line = describe_earlier(Rows(rows))[-2]
    assert line.startswith("| newest page of 50 | 10,000 for 5,000 (1.33) | 100 for 200 (0.75) |")
