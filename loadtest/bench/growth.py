"""Reports growth: a table, a chart, and whether anything grows faster than its input.

Knows the name of each figure and what it is the cost of; measures nothing. Growth may be measured
in parts: `python -m loadtest.bench.growth FILE...` writes its section from their results.
"""

import json
import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from loadtest.peers.figures import Rows
from loadtest.peers.hubbub import PROJECT
from loadtest.peers.machine import describe_commit, describe_machine

REPORT: Final = PROJECT / "docs" / "benchmarks.md"
PICTURES: Final = PROJECT / "docs" / "pictures"
SECTION: Final = "Growth"
HEADING: Final = f"## {SECTION}"
PICTURE: Final = "bench-growth.png"
ROOM: Final = 1.1  # an exponent within noise of linear growth
YARDSTICK: Final = "floor, one by one"  # the kernel's work alone: not our cost
FIRST_IN: Final = "ready, first in their chats"
HEARD_ALREADY: Final = "ready, chats heard already"
DASHED: Final = "#888888"


class Series(NamedTuple):
    """A cost at several sizes of an input. `each`: the figure is of one unit of the input, so the
    whole costs `size` times as much; else it is the whole, or what one operation costs beside so
    much of the input."""

    title: str
    what: str
    key: str
    show: str
    each: bool = False


# One list a plot; the first words of each are what the input is.
INPUTS: Final[dict[str, tuple[Series, ...]]] = {
    "members of a chat": (
        Series("realtime, one by one, µs a delivery", "relay, one by one", "us", ".2f", True),
        Series("realtime, flat out, µs a delivery", "relay, flat out", "us", ".2f", True),
        Series("floor in C, one by one, µs a delivery", YARDSTICK, "us", ".2f", True),
        Series("post by REST, all tiers, µs a delivery", "members", "us_a_delivery", ".1f", True),
        Series("post to delivery, p50 ms", "members", "p50_ms", ".1f"),
        Series("post to delivery, p99 ms", "members", "p99_ms", ".1f"),
    ),
    "connections": (
        Series("idle socket, kB (PSS)", "connections", "kb", ".2f", True),
        Series("the kernel's part, both ends, kB", "connections", "kernel_kb", ".2f", True),
    ),
    "chats": (
        Series("send flat out, all tiers, µs", "chats, flat out", "us", ".0f"),
        Series("200 sends/s, all tiers, µs", "chats, 200 a second", "us", ".0f"),
        Series("200 sends/s, answer p50 ms", "chats, 200 a second", "answer_p50_ms", ".1f"),
        Series("200 sends/s, answer p99 ms", "chats, 200 a second", "answer_p99_ms", ".1f"),
    ),
    "stored messages": (
        Series("send flat out, small chats, µs", "stored, sends flat out", "us", ".0f"),
        Series("send flat out, large chat, µs", "stored, sends to the large chat", "us", ".0f"),
        Series(
            "200 sends/s, answer p50 ms", "stored, 200 sends a second", "answer_p50_ms", ".1f"
        ),
        Series(
            "200 sends/s, answer p99 ms", "stored, 200 sends a second", "answer_p99_ms", ".1f"
        ),
        Series("newest page of history, µs", "history, newest page", "us", ".0f"),
        Series("any page of history, µs", "history, any page", "us", ".0f"),
        Series("any page of history, p50 ms", "history, any page", "p50_ms", ".2f"),
        Series("any page of history, p99 ms", "history, any page", "p99_ms", ".2f"),
        Series("any page of events, µs", "events, any page", "us", ".0f"),
        Series("any page of events, p50 ms", "events, any page", "p50_ms", ".2f"),
        Series("any page of events, p99 ms", "events, any page", "p99_ms", ".2f"),
    ),
    "chats of a user": (
        Series("`ready`, first in their chats, µs", FIRST_IN, "us", ".0f"),
        Series("`ready`, first in their chats, p50 ms", FIRST_IN, "p50_ms", ".1f"),
        Series("`ready`, first in their chats, p99 ms", FIRST_IN, "p99_ms", ".1f"),
        Series("`ready`, chats heard already, µs", HEARD_ALREADY, "us", ".0f"),
        Series("`ready`, chats heard already, p50 ms", HEARD_ALREADY, "p50_ms", ".1f"),
    ),
    "participants of a chat": (
        Series("made, µs a participant", "chat made", "us", ".0f", True),
        Series("made, ms", "chat made", "p50_ms", ".0f"),
        Series("joined or left, µs", "joined and left", "us", ".0f"),
        Series("joined or left, p50 ms", "joined and left", "p50_ms", ".1f"),
        Series("joined or left, p99 ms", "joined and left", "p99_ms", ".1f"),
        Series("the same, heard by all, µs", "joined and left, heard by all", "us", ",.0f"),
        Series("the same, heard by all, p50 ms", "joined and left, heard by all", "p50_ms", ".1f"),
        Series("deleted, µs", "chat deleted", "us", ",.0f"),
        Series("deleted, ms", "chat deleted", "p50_ms", ".0f"),
    ),
    "nodes that hear a chat": (
        Series("Valkey, µs an event and node", "nodes that hear an event", "us", ".2f", True),
        Series("Valkey, kB a topic and node", "topics of nodes", "kb", ".3f", True),
        Series("Valkey, µs to subscribe a topic", "topics of nodes", "us", ".2f", True),
    ),
    "chats that a node hears": (
        Series("at rest, all tiers, µs a second", "chats at rest", "us", ",.0f"),
        Series("realtime's memory, kB a chat (PSS)", "chats at rest", "kb", ".2f", True),
    ),
}  # fmt: skip

GROWTH_WHATS: Final = frozenset(series.what for lines in INPUTS.values() for series in lines)


class Slope(NamedTuple):
    """The power of the input with which a cost grows: 0 not at all, 1 as the input does."""

    whole: float
    steepest: float


def slope(points: Sequence[tuple[float, float]], *, each: bool) -> Slope | None:
    """From (size, cost) in the order of sizes; None with fewer than two. Size 0 is skipped."""
    costs = [(size, cost * size if each else cost) for size, cost in points if size and cost > 0]
    if len(costs) < 2:
        return None
    return Slope(
        _power(costs[0], costs[-1]), max(_power(low, high) for low, high in pairwise(costs))
    )


def _power(low: tuple[float, float], high: tuple[float, float]) -> float:
    return math.log(high[1] / low[1]) / math.log(high[0] / low[0])


def points_of(rows: Rows, series: Series) -> list[tuple[float, float]]:
    """(size, cost), ascending; the last one of a size that was measured again."""
    found = {row["size"]: row[series.key] for row in rows.of(series.what, "hubbub")}
    return sorted(found.items())


def growth_table(rows: Rows) -> list[str]:
    """A table for each input; empty if it was not measured."""
    lines: list[str] = []
    for name, all_series in INPUTS.items():
        found = {s: points for s in all_series if (points := points_of(rows, s))}
        if not found:
            continue
        sizes = sorted({size for points in found.values() for size, _ in points})
        lines += [
            f"| {name} | " + " | ".join(f"{size:,.0f}" for size in sizes) + " | grows with |",
            "| --- |" + " ---: |" * (len(sizes) + 1),
        ]
        for series, points in found.items():
            costs = dict(points)
            cells = [format(costs[s], series.show) if s in costs else "-" for s in sizes]
            power = slope(points, each=series.each)
            cells.append("-" if power is None else f"n^{power.whole:.2f}")
            lines.append(f"| {series.title} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def too_fast(rows: Rows) -> list[str]:
    """What grows faster than its input, as a whole or in one step."""
    found = []
    for name, all_series in INPUTS.items():
        for series in all_series:
            power = slope(points_of(rows, series), each=series.each)
            if power is not None and power.steepest > ROOM and series.what != YARDSTICK:
                found.append(
                    f"{series.title}: n^{power.whole:.2f} of {name},"
                    f" in its steepest step n^{power.steepest:.2f}"
                )
    return found


def print_growth(rows: Rows) -> bool:
    """Prints everything; returns whether nothing grows faster than its input."""
    print("\n".join(growth_table(rows)))
    faster = [f"MISSED: {line}" for line in too_fast(rows)]
    print("Grows faster than its input:", *(faster or ["nothing"]), sep="\n- ")
    print("Doubts:", *(rows.doubts() or ["none"]), sep="\n- ")
    return not faster


def write_growth(rows: Rows) -> None:
    """Replaces the section and the chart; the rest of the report stays."""
    _draw_growth(rows, PICTURES)
    above, _, _ = REPORT.read_text().partition(f"\n{HEADING}\n")
    REPORT.write_text("\n".join([above, *_growth_section(rows)]))


def _growth_section(rows: Rows) -> list[str]:
    return [
        HEADING,
        "",
        "Cost at sizes decades apart, from a system of its own for each kind of input, one process "
        "of each role. µs are CPU of all tiers without what the system uses at rest. *Grows with* "
        "is the power of the input n between the first and the last size, of the whole cost where "
        "a line is of one unit (a delivery, a socket, a participant): n^0 does not grow, n^1 grows "
        "as the input does. What this comes to for a million connections: [scale](scale.md).",
        "",
        *(f"- {line}" for line in (*describe_machine(), describe_commit())),
        "",
        *growth_table(rows),
        f"![Growth](pictures/{PICTURE})",
        "",
        "Grows faster than its input:",
        "",
        *([f"- **MISSED**: {line}" for line in too_fast(rows)] or ["- nothing"]),
        "",
        "Doubts about these figures:",
        "",
        *([f"- {doubt}" for doubt in rows.doubts()] or ["- none"]),
        "",
    ]


def _draw_growth(rows: Rows, folder: Path) -> None:
    """For each input the whole cost against the size, both as multiples of the first; dashed, what
    grows as its input does. What is below may grow on."""
    found = {
        name: {s: points_of(rows, s) for s in all_series if slope(points_of(rows, s), each=s.each)}
        for name, all_series in INPUTS.items()
    }
    found = {name: lines for name, lines in found.items() if lines}
    if not found:
        return
    rows_of_plots = -(-len(found) // 2)
    figure = Figure(figsize=(10, 3.4 * rows_of_plots), layout="constrained")
    plots = figure.subplots(rows_of_plots, 2, squeeze=False).flat
    for plot, (name, lines) in zip(plots, found.items(), strict=False):
        top = 1.0
        for series, points in lines.items():
            costs = [(n, cost * n if series.each else cost) for n, cost in points if n]
            (first_size, first_cost), (last_size, _) = costs[0], costs[-1]
            top = max(top, last_size / first_size)
            multiples = [(n / first_size, cost / first_cost) for n, cost in costs]
            plot.plot(*zip(*multiples, strict=True), marker=".", label=series.title)
        plot.plot([1, top], [1, top], "--", color=DASHED)
        plot.set_xscale("log")
        plot.set_yscale("log")
        plot.set_xlabel(f"times as many {name}", fontsize=8)
        plot.set_ylabel("times the cost", fontsize=8)
        plot.tick_params(labelsize=7)
        plot.legend(fontsize=6)
    for plot in plots:
        plot.set_axis_off()
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / PICTURE, dpi=110)


def main() -> None:
    texts = [Path(name).read_text() for name in sys.argv[1:]]
    write_growth(Rows([json.loads(line) for text in texts for line in text.splitlines()]))


if __name__ == "__main__":
    main()
