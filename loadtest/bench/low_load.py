"""The section of docs/benchmarks.md about messages sent one by one. Measures nothing."""

from typing import Final

from loadtest.bench.drawing import WAYS
from loadtest.peers.figures import Rows

LOW_LOAD: Final = (
    "Twenty messages a second in 200 chats of two, one after the other, while nothing else runs. "
    "In brackets how many times the bare commit of a row it is. The floor has the same processes "
    "in the same order and that commit, and does nothing else (`sending_floor.py`). By REST "
    "through the balancer, by socket without. Medians of rounds."
)
BARE: Final = "bare commit"
SERVERS: Final = [f"{server} by {way}" for way in WAYS for server in ("floor", "hubbub")]


def describe_low_load(rows: Rows) -> list[str]:
    """Beside the floor, as shares of a bare commit."""
    if not rows.of("low load", BARE):
        return []
    table = [
        "## Sends at low load",
        "",
        LOW_LOAD,
        "",
        "| post to delivery | p50, ms | p99, ms |",
        "| --- | ---: | ---: |",
    ]
    for server in (BARE, *SERVERS):
        cells = []
        for key in ("p50_ms", "p99_ms"):
            share = rows.ratio("low load", server, BARE, key) if server != BARE else None
            cell = f"{rows.median('low load', server, key) or 0.0:.2f}"
            cells.append(cell if share is None else f"{cell} ({share:.2f})")
        table.append(f"| {server} | {cells[0]} | {cells[1]} |")
    return [*table, ""]
