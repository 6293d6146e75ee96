"""What two samples of a process's metrics say about its role."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from fleet.scaling.figures import FAILED, Reading, figures_of, names_of, read_metrics


def reading(at: float, **values: float) -> Reading:
    return Reading(at, {f"hubbub_{name}": value for name, value in values.items()})


def test_what_the_library_writes_is_read() -> None:
    """Samples are summed over their labels; our own errors are summed separately."""
    registry = CollectorRegistry()
    requests = Counter("hubbub_edge_requests_total", "", ("status",), registry=registry)
    requests.labels(200).inc(5)
    requests.labels(503).inc(2)
    Histogram("hubbub_loop_lag_seconds", "", registry=registry).observe(0.25)
    values = read_metrics(generate_latest(registry).decode(), at=7).values
    assert values["hubbub_edge_requests_total"] == 7
    assert values[FAILED] == 2
    assert values["hubbub_loop_lag_seconds_sum"] == 0.25


def test_what_grew_is_shared_by_time_and_processes() -> None:
    """Two processes over two seconds."""
    before = {
        "a": reading(10, loop_lag_seconds_sum=1, loop_lag_seconds_count=100),
        "b": reading(10, edge_request_seconds_sum=5),
    }
    after = {
        "a": reading(
            12, loop_lag_seconds_sum=3, loop_lag_seconds_count=140, edge_request_seconds_sum=8
        ),
        "b": reading(12, edge_request_seconds_sum=9),
    }
    figures = figures_of("edge", 2, before, after)
    assert (figures.seen, figures.unseen) == (2, 0)
    assert figures.lag == pytest.approx(2 / 40)
    assert figures.in_flight == pytest.approx((8 / 2 + 4 / 2) / 2)


def test_a_process_without_two_readings_is_not_seen() -> None:
    """One that has just started, one that does not answer, and one that was replaced meanwhile."""
    before = {
        "silent": reading(0),
        "replaced": reading(0, loop_lag_seconds_count=500),
        "old": reading(0, realtime_sockets=1),
    }
    after = {
        "new": reading(1),
        "replaced": reading(1, loop_lag_seconds_count=20),
        "old": reading(1, realtime_sockets=7),
    }
    figures = figures_of("realtime", 4, before, after)
    assert (figures.seen, figures.unseen) == (1, 3)
    assert figures.connections == 7


def test_what_files_moves_counts_in_both_directions() -> None:
    """Per second and process."""
    before = {"a": reading(10), "b": reading(10)}
    after = {
        "a": reading(12, files_received_bytes_total=600, files_requests_total=8),
        "b": reading(12, files_sent_bytes_total=200, files_requests_total=4),
    }
    figures = figures_of("files", 2, before, after)
    assert figures.bytes == pytest.approx(200)
    assert figures.requests == pytest.approx(3)


@pytest.mark.parametrize("cut", [{"open_circuit": 1.0}, {"realtime_bus_up": 0.0}])
def test_an_open_circuit_and_a_lost_bus_are_told(cut: dict[str, float]) -> None:
    """They explain why such a process has little to do."""
    before = {"a": reading(0), "b": reading(0)}
    after = {"a": reading(1, realtime_bus_up=1), "b": reading(1, **cut)}
    assert figures_of("realtime", 2, before, after).cut_off


def test_waits_in_chats_add_up() -> None:
    """Waits for the loop, for a connection and for a transaction; and how slow the database is."""
    before = {"a": reading(0)}
    after = {
        "a": reading(
            1,
            loop_lag_seconds_sum=0.2,
            loop_lag_seconds_count=20,
            pool_uses_total=100,
            pool_waited_seconds_total=2,
            pool_held_seconds_total=5,
            chats_sends_wait_seconds_sum=3,
            chats_sends_wait_seconds_count=10,
        )
    }
    figures = figures_of("chats", 1, before, after)
    assert figures.queue == pytest.approx(0.01 + 0.02 + 0.3)
    assert figures.database == pytest.approx(0.05)


def test_lag_of_an_idle_service_is_not_its_queue() -> None:
    """With hardly any work, the machine is what is busy."""
    after = {"a": reading(1, loop_lag_seconds_sum=2, loop_lag_seconds_count=20, pool_uses_total=5)}
    assert figures_of("users", 1, {"a": reading(0)}, after).queue == 0


def test_only_what_counts_is_asked_for() -> None:
    """Names as the processes export them; tests/flow checks that all of them are served."""
    assert "hubbub_realtime_sockets" in names_of("realtime")
    assert "hubbub_chats_sends_wait_seconds_sum" in names_of("chats")
    assert not set(names_of("edge")) & {"hubbub_pool_uses_total", "hubbub_realtime_sockets"}
