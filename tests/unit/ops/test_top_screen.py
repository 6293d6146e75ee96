"""What the live screen shows, and that it fits."""

import io
import re

import pytest
from rich.console import Console

from common.process.symptoms import (
    MOST_IN_DOUBT_SECONDS,
    MOST_SILENT_SECONDS,
    MOST_UNPUBLISHED_SECONDS,
)
from fleet.data.state import FleetState, ProcessState, WantedState
from fleet.settings import SERVICE_ROLES
from ops.samples import Span, read_samples
from ops.top import draw

ENGINES = ("balancer", "cache", "postgres", "valkey")
STATE = FleetState(
    1,
    [ProcessState(role, 1, 1, 1, 1, 1.0, "ready") for role in (*SERVICE_ROLES, *ENGINES)],
    {role: WantedState(1, 1, 4) for role in SERVICE_ROLES},
)


def screen_of(span: Span) -> str:
    screen = io.StringIO()
    Console(file=screen, width=80).print(draw("http://127.0.0.1:8000", STATE, span))
    return screen.getvalue()


def test_a_terminal_of_80_by_24_holds_all_of_it() -> None:
    """Whatever the number of reasons for ended sockets: the most frequent ones are shown."""
    ends = "".join(f'ends_total{{code="{4000 + n}"}} {n + 1}\n' for n in range(30))
    text = ends.replace("ends_total", "hubbub_realtime_ends_total")
    reading = read_samples(1.0, {"realtime-1": f"# TYPE hubbub_realtime_ends counter\n{text}"})
    screen = screen_of(Span(reading, reading))
    lines = screen.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "sockets ended 4029" in screen
    assert "sockets ended 4001" not in screen


@pytest.mark.parametrize(
    ("metric", "most", "trouble"),
    [
        ("hubbub_realtime_canary_silent_seconds", MOST_SILENT_SECONDS, "do not come back"),
        ("hubbub_chats_outbox_age_seconds", MOST_UNPUBLISHED_SECONDS, "the outbox waits"),
        ("hubbub_users_oldest_prepared_seconds", MOST_IN_DOUBT_SECONDS, "are in doubt"),
    ],
)
def test_what_is_late_is_so_for_the_doctor_too(metric: str, most: float, trouble: str) -> None:
    """The same bound of each, on the oldest: ages of several replicas do not add up."""

    def screen(age: float) -> str:
        role = metric.split("_")[1]
        text = f"# TYPE {metric} gauge\n{metric} {age}\n"
        reading = read_samples(1.0, {f"{role}-1": text, f"{role}-2": text})
        return screen_of(Span(reading, reading))

    assert "messages flow" in screen(most)
    assert trouble in screen(most + 0.1)


def edge_metrics(*, checks: int, requests: int) -> str:
    """Checks take less than a millisecond, requests between 100 and 200."""
    lines = []
    for route, fast, all_ in (
        ("/health/ready", checks, checks), ("/api/user/me", 0, requests),
    ):  # fmt: skip
        counted = f'{{method="GET",route="{route}",status="200"}} {all_}'
        lines.append(f"hubbub_edge_requests_total{counted}")
        for bound, number in (("0.001", fast), ("0.1", fast), ("0.2", all_), ("+Inf", all_)):
            bucket = f'{{route="{route}",le="{bound}"}} {number}'
            lines.append(f"hubbub_edge_request_seconds_bucket{bucket}")
    return "\n".join(lines) + "\n"


def test_health_checks_are_no_rest_requests() -> None:
    """Neither counted nor timed: they would hide that the few requests of users are slow."""
    before = read_samples(0.0, {"edge-1": edge_metrics(checks=1000, requests=10)})
    idle = read_samples(1.0, {"edge-1": edge_metrics(checks=1004, requests=10)})
    screen = screen_of(Span(before, idle))
    assert re.search(r"requests a second +0\.0 ", screen), screen
    assert re.search(r"REST request +- +- ", screen), screen
    slow = read_samples(1.0, {"edge-1": edge_metrics(checks=1004, requests=12)})
    screen = screen_of(Span(before, slow))
    assert re.search(r"requests a second +2\.0 ", screen), screen
    assert re.search(r"REST request +150\.0 +199\.0 ", screen), screen
