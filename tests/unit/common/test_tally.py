"""A tally in the text format of Prometheus."""

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY, generate_latest

from common.process.tally import Tally


@pytest.fixture
def tally() -> Iterator[Tally]:
    made = Tally(("seen", "Seen."), ("seen_seconds", "Time."), ("a", "b"), timed_by="b")
    yield made
    REGISTRY.unregister(made)


def test_a_tally_is_a_counter_and_a_histogram(tally: Tally) -> None:
    """Counted by all labels, timed by one of them."""
    tally.note(("x", 200), 0.0007)
    tally.note(("y", 200), 3.0)
    tally.note(("y", 200), 100.0)
    tally.note(("y", 404), 0.0007)
    lines = generate_latest(REGISTRY.restricted_registry(["seen_total"])).decode().splitlines()
    assert 'seen_total{a="x",b="200"} 1.0' in lines
    assert 'seen_total{a="y",b="200"} 2.0' in lines
    assert 'seen_total{a="y",b="404"} 1.0' in lines
    sample = REGISTRY.get_sample_value
    assert sample("seen_seconds_count", {"b": "200"}) == 3
    assert sample("seen_seconds_sum", {"b": "200"}) == pytest.approx(103.0007)
    assert sample("seen_seconds_bucket", {"b": "200", "le": "0.001"}) == 1
    assert sample("seen_seconds_bucket", {"b": "200", "le": "+Inf"}) == 3
    assert sample("seen_seconds_count", {"b": "404"}) == 1
