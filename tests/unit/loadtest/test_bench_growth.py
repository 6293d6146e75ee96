"""Growth in the benchmarks' report."""

import pytest

from loadtest.bench.growth import GROWTH_WHATS, growth_table, slope, too_fast
from loadtest.peers.figures import Rows


def _row(what: str, size: int, **figures: float) -> dict[str, object]:
    return {"what": what, "server": "hubbub", "round": 0, "size": size, **figures}


def test_a_cost_that_stays_does_not_grow() -> None:
    """n^0, whatever the input does; size 0 has no exponent and is not counted."""
    found = slope([(0, 90.0), (10, 5.0), (1_000, 5.0)], each=False)
    assert found is not None
    assert found.whole == pytest.approx(0)


def test_a_cost_of_each_that_stays_grows_as_the_input_does() -> None:
    """Ten times as many sockets of the same size use ten times the memory."""
    found = slope([(1_000, 4.6), (10_000, 4.6)], each=True)
    assert found is not None
    assert found.whole == pytest.approx(1)


def test_the_steepest_step_is_told_apart_from_the_whole() -> None:
    """Late growth is seen even after a long flat part."""
    found = slope([(1, 1.0), (10, 1.0), (100, 100.0)], each=False)
    assert found is not None
    assert found.whole == pytest.approx(1)
    assert found.steepest == pytest.approx(2)


def test_one_size_says_nothing() -> None:
    """There is no exponent without two sizes above 0."""
    assert slope([(0, 1.0), (10, 2.0)], each=False) is None


def test_what_grows_faster_than_its_input_is_named() -> None:
    """Even if it grows faster in one step only; proportional growth is not named."""
    rows = Rows(
        [
            _row("chat deleted", 10, us=100, p50_ms=1),
            _row("chat deleted", 100, us=1_000, p50_ms=1),
            _row("chat deleted", 1_000, us=100_000, p50_ms=1),
        ]
    )
    (line,) = too_fast(rows)
    assert line.startswith("deleted, µs: n^1.50 of participants of a chat")
    assert "n^2.00" in line


def test_the_table_has_a_column_for_each_size() -> None:
    """The last measurement of a size counts; sizes that were not measured are left out."""
    rows = Rows(
        [
            _row("connections", 1_000, kb=9.0, kernel_kb=8),
            _row("connections", 1_000, kb=5.0, kernel_kb=8),
            _row("connections", 15_000, kb=4.5, kernel_kb=8),
        ]
    )
    table = growth_table(rows)
    assert table[0] == "| connections | 1,000 | 15,000 | grows with |"
    assert table[2] == "| idle socket, kB (PSS) | 5.00 | 4.50 | n^0.96 |"


def test_growth_is_parted_from_the_rest_of_a_run() -> None:
    """The section on growth and the comparison with peers have no row in common."""
    rows = Rows([_row("connections", 1_000), _row("F1 fixed", 0)])
    peers, growth = rows.split(GROWTH_WHATS)
    assert [row["what"] for row in peers.rows] == ["F1 fixed"]
    assert [row["what"] for row in growth.rows] == ["connections"]
