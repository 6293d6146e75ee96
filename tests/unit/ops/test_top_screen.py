"""What fits on the live screen."""

import io

from rich.console import Console

from fleet.data.state import FleetState, ProcessState, WantedState
from fleet.settings import SERVICE_ROLES
from ops.samples import Span, read_samples
from ops.top import draw

ENGINES = ("balancer", "cache", "postgres", "valkey")


def test_a_terminal_of_80_by_24_holds_all_of_it() -> None:
    """Whatever the number of reasons for ended sockets: the most frequent ones are shown."""
    processes = [
        ProcessState(role, 1, 1, 1, 1, 1.0, "ready") for role in (*SERVICE_ROLES, *ENGINES)
    ]
    state = FleetState(1, processes, {role: WantedState(1, 1, 4) for role in SERVICE_ROLES})
    ends = "".join(f'ends_total{{code="{4000 + n}"}} {n + 1}\n' for n in range(30))
    text = ends.replace("ends_total", "hubbub_realtime_ends_total")
    reading = read_samples(1.0, {"realtime-1": f"# TYPE hubbub_realtime_ends counter\n{text}"})
    screen = io.StringIO()
    Console(file=screen, width=80).print(
        draw("http://127.0.0.1:8000", state, Span(reading, reading))
    )
    lines = screen.getvalue().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "sockets ended 4029" in screen.getvalue()
    assert "sockets ended 4001" not in screen.getvalue()
