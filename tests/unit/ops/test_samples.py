"""Figures computed between two samples."""

import pytest

from ops.samples import Reading, Span, read_samples


def reading(at: float, **texts: str) -> Reading:
    return read_samples(at, {name.replace("_", "-"): text for name, text in texts.items()})


def test_rates_are_summed_over_processes_and_labels() -> None:
    """`match` selects by label; a restarted process is not counted."""
    before = reading(
        0, edge_1='r_total{status="200"} 10\nr_total{status="503"} 1\n', edge_2="r_total 50"
    )
    after = reading(
        2, edge_1='r_total{status="200"} 30\nr_total{status="503"} 2\n', edge_2="r_total 4"
    )
    span = Span(before, after)
    assert span.rate("r_total") == 10.5
    assert span.rate("r_total", status="503") == 0.5
    assert span.totals("r_total", "status") == {"200": 30.0, "503": 2.0, "": 4.0}
    assert span.now("r_total", role="edge", process="edge-2") == 4.0
    assert span.highest("r_total") == 30.0


def test_quantiles_come_from_what_was_observed_between_the_readings() -> None:
    """Values are assumed even within a bucket; None if nothing was observed."""
    buckets = 't_bucket{{le="0.1"}} {}\nt_bucket{{le="0.2"}} {}\nt_bucket{{le="+Inf"}} {}\n'
    span = Span(reading(0, a_1=buckets.format(5, 5, 5)), reading(1, a_1=buckets.format(5, 15, 15)))
    assert span.quantile("t", 0.5) == pytest.approx(0.15)
    assert span.quantile("t", 1.0) == pytest.approx(0.2)
    assert Span(span._after, span._after).quantile("t", 0.5) is None
    assert span.quantile("unknown", 0.5) is None


def test_comments_and_quotes_are_no_figures() -> None:
    """A label's value may hold what looks like syntax."""
    text = '# HELP x y\nx{path="/a{b}",why="\\"q\\""} 3\n'
    assert Span(reading(0), reading(1, a_1=text)).now("x", path="/a{b}") == 3.0
