"""What counts as growth between two idle periods."""

from typing import Any

from loadtest.footprint import Footprint, read_figures
from loadtest.growth import compare, sum_up_rest

REST = Footprint(memory=70.0, descriptors=30, cpu_seconds=5.0, tasks=12, subscriptions=1, outbox=0)


def _grown(**after: Any) -> list[str]:
    growths = compare({"chats-1": REST}, {"chats-1": REST._replace(**after)})
    return [growth.of for growth in growths if growth.is_too_much]


def test_what_stays_is_flat() -> None:
    """Work done is not growth, nor are the fluctuations of an allocator or a pool."""
    assert _grown(cpu_seconds=500.0, memory=80.0, descriptors=34) == []


def test_each_figure_is_watched() -> None:
    """Memory and descriptors beyond their tolerance; one subscription or outbox row is too many."""
    assert _grown(memory=84.0) == ["memory"]
    assert _grown(descriptors=50) == ["descriptors"]
    assert _grown(tasks=15) == ["tasks"]
    assert _grown(subscriptions=2) == ["subscriptions"]
    assert _grown(outbox=1) == ["outbox"]


def test_a_figure_that_a_process_does_not_have_is_not_compared() -> None:
    """For example, chats has no sockets."""
    assert "sockets" not in [growth.of for growth in compare({"chats-1": REST}, {"chats-1": REST})]


def test_one_odd_sample_changes_nothing() -> None:
    """An idle period is represented by the median of its samples."""
    odd = REST._replace(memory=900.0)
    assert sum_up_rest([{"a-1": REST}, {"a-1": odd}, {"a-1": REST}])["a-1"] == REST


def test_rows_of_the_outbox_count_when_they_stay() -> None:
    """A canary's row is published almost at once; a row that is a second old is a leftover."""
    rows = "hubbub_chats_outbox_rows 3.0\nhubbub_chats_outbox_age_seconds"
    assert read_figures(f"{rows} 0.04\n") == {"outbox": 0.0}
    assert read_figures(f"{rows} 1.5\n") == {"outbox": 3.0}
