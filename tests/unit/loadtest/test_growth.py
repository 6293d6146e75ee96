"""What counts as growth between two rests."""

from loadtest.footprint import Footprint, read_figures
from loadtest.growth import compare, sum_up_rest

REST = Footprint(memory=70.0, descriptors=30, cpu_seconds=5.0, tasks=12, subscriptions=1, outbox=0)


def _grown(**after: float) -> list[str]:
    growths = compare({"chats-1": REST}, {"chats-1": REST._replace(**after)})  # type: ignore[arg-type]
    return [growth.of for growth in growths if growth.is_too_much]


def test_what_stays_is_flat() -> None:
    """Work done is no growth, and neither is an allocator's or a pool's play."""
    assert _grown(cpu_seconds=500.0, memory=80.0, descriptors=34) == []


def test_each_figure_is_watched() -> None:
    """Memory and descriptors beyond their play; one subscription or one outbox row is too many."""
    assert _grown(memory=84.0) == ["memory"]
    assert _grown(descriptors=50) == ["descriptors"]
    assert _grown(tasks=15) == ["tasks"]
    assert _grown(subscriptions=2) == ["subscriptions"]
    assert _grown(outbox=1) == ["outbox"]


def test_a_figure_that_a_process_does_not_have_is_not_compared() -> None:
    """chats has no sockets."""
    assert "sockets" not in [growth.of for growth in compare({"chats-1": REST}, {"chats-1": REST})]


def test_one_odd_sample_changes_nothing() -> None:
    """A rest is the median of its samples."""
    odd = REST._replace(memory=900.0)
    assert sum_up_rest([{"a-1": REST}, {"a-1": odd}, {"a-1": REST}])["a-1"] == REST


def test_rows_of_the_outbox_count_when_they_stay() -> None:
    """A canary's row is published within a moment; one that is a second old is left over."""
    rows = "hubbub_chats_outbox_rows 3.0\nhubbub_chats_outbox_age_seconds"
    assert read_figures(f"{rows} 0.04\n") == {"outbox": 0.0}
    assert read_figures(f"{rows} 1.5\n") == {"outbox": 3.0}
