"""The sections of docs/benchmarks.md about the cost of single parts. Measures nothing. A section
without rows is left out.
"""

import statistics
from collections.abc import Mapping
from typing import Final

from loadtest.peers.figures import Rows

COSTS: Final = {
    "outbox, hot by socket": ("the outbox, a send by socket into one chat of 8", 0.15),
    "outbox, spread by socket": ("the outbox, a send by socket into one of 200 chats of 2", 0.15),
    "telling, spread by socket": ("metrics and logs, a send by socket", 0.03),
    "telling, spread by rest": ("metrics and logs, a send by REST", 0.03),
    "telling, F4 flat out": ("metrics and logs, a delivery (F4 flat out)", 0.03),
}
FEEDING: Final = {
    "feeding, hot by socket": ("the search index, a send by socket into one chat of 8", 0.03),
    "feeding, hot by rest": ("the search index, a send by REST into one chat of 8", 0.03),
    "feeding, spread by socket": ("the search index, a send by socket into one of 200 chats", 0.03),
    "feeding, spread by rest": ("the search index, a send by REST into one of 200 chats", 0.03),
}


def describe_costs(rows: Rows) -> list[str]:
    """What a part adds to the CPU of a send or a delivery, over all tiers."""
    return _describe_added(
        rows,
        COSTS,
        "What the outbox, metrics and logs cost",
        "CPU of all tiers for each message that has arrived, with 128 sends in flight, or of the "
        "node for each delivery. The load goes on while the part is switched off and on, ABBA; "
        "each slice of 0.4 s without it is compared with the one beside it. Without the outbox: "
        "`append_events` writes no row, so nothing is settled, and nothing is swept. Without "
        "metrics and logs: `log()` and the functions that count do nothing; plain additions and "
        "the making of arguments stay. Median of the pairs' ratios, its standard error, quartiles.",
    )


def describe_feeding(rows: Rows) -> list[str]:
    """The same of the search index."""
    return _describe_added(
        rows,
        FEEDING,
        "What the search index costs a send",
        "CPU of all tiers for each message that has arrived, with 128 sends in flight, while the "
        "index is fed and while it is not, then or later; slices of 2.5 s, ABBA. Median of the "
        "pairs' ratios, its standard error, quartiles.",
    )


def _describe_added(
    rows: Rows, parts: Mapping[str, tuple[str, float]], heading: str, text: str
) -> list[str]:
    there = [what for what in parts if rows.of(what, "with")]
    if not there:
        return []
    table = [
        f"## {heading}",
        "",
        text,
        "",
        "| part | with, µs | without, µs | adds | quartiles | pairs | target |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for what in there:
        title, target = parts[what]
        adds = sorted(
            row["us"] / other["us"] - 1
            for row, other in zip(rows.of(what, "with"), rows.of(what, "without"), strict=True)
        )
        low, middle, high = statistics.quantiles(adds, n=4, method="inclusive")
        error = 1.25 * (high - low) / 1.35 / len(adds) ** 0.5  # of a median, by the quartiles
        table.append(
            f"| {title} | {rows.median(what, 'with', 'us'):.2f} "
            f"| {rows.median(what, 'without', 'us'):.2f} | {middle:+.1%} ± {error:.1%} "
            f"| {low:+.1%} to {high:+.1%} | {len(adds)} | under {target:.0%} |"
        )
    return [*table, ""]
