"""The table and the plots of a run, for docs/benchmarks.md.

Knows what each figure is called and what it is compared with; measures nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from loadtest.bench.growth import growth_section_of
from loadtest.bench.sections import (
    describe_changes,
    describe_costs,
    describe_lists,
    describe_markers,
    describe_pinning,
    describe_products,
    describe_rest,
    describe_search,
    describe_storms,
    describe_stuck_readers,
    describe_views,
)
from loadtest.bench.targets import count_targets, describe_targets, judge_targets
from loadtest.peers.build import describe_versions
from loadtest.peers.figures import Rows
from loadtest.peers.hubbub import PROJECT
from loadtest.peers.machine import describe_commit, describe_machine, first_line
from loadtest.peers.relaying import CASES
from loadtest.peers.sending import SATURATING

REPORT: Final = PROJECT / "docs" / "benchmarks.md"
PICTURES: Final = PROJECT / "docs" / "pictures"
WAYS: Final = ("rest", "socket")
TIERS: Final = ("balancer", "edge", "realtime", "chats", "users", "postgres", "valkey")
COLOURS: Final = {
    "hubbub": "#2a5db0", "centrifuge": "#b0552a", "floor": "#888888",
    "socketio": "#5d9e4a", "channels": "#8a4ab0", "spike": "#c9a227",
}  # fmt: skip


# What the newest centrifuge (master of August 2026, Go 1.24) takes of 0.15's figure, measured once
# on another machine with the better of its defaults and its documented options for each figure.
# Ratios carry over, absolutes do not; what has no factor was not measured.
NEWEST: Final = {
    ("F1 fixed", "us"): 1.00, ("F2 fixed", "us"): 0.64, ("F3 fixed", "us"): 0.92,
    ("F4 fixed", "us"): 1.00, ("F5 fixed", "us"): 1.00,
    ("F1 fast", "per_core_s"): 1.13, ("F2 fast", "per_core_s"): 2.65,
    ("F3 fast", "per_core_s"): 1.24, ("F4 fast", "per_core_s"): 1.12,
    ("F5 fast", "per_core_s"): 1.24,
    ("idle", "kb"): 0.65, ("connects", "connect_us"): 0.83,
}  # fmt: skip
NEWEST_CENTRIFUGE: Final = (
    "`centrifuge` is the Go library of Centrifugo, version 0.15 of 2021 as Debian has it. *Newest "
    "centrifuge* is computed: 0.15's figure of this run times what the newest (master of August "
    "2026, Go 1.24, the better of its defaults and its documented options) took of it where both "
    "were measured beside each other. Figures for which there is no such factor have a dash."
)


BALANCER: Final = (
    "The balancer of a running Hubbub beside a HAProxy with its defaults that only passes on to "
    "the same processes, over the same Unix sockets."
)
SENDS: Final = (
    "`hot` is one chat of 8 users who all send, `spread` 200 chats of 2 with one sender each; the "
    "number is how many sends are in flight, `half` half of the best rate in open loop. Columns "
    "from *balancer* on are µs of CPU a send, by tier."
)


_CONNECTS: Final = ("connect_us", "ready_s")


class TableRow(NamedTuple):
    """One figure of the table: where it is among the rows, and how it is written."""

    title: str
    what: str
    key: str
    show: str


def _relay_lines(rows: Rows) -> list[TableRow]:
    lines = []
    for case in CASES:
        if rows.of(f"{case} fixed", "hubbub"):
            lines += [
                TableRow(f"{case} fixed rate, µs/delivery", f"{case} fixed", "us", ".2f"),
                TableRow(f"{case} fixed rate, p99 ms", f"{case} fixed", "p99_ms", ".2f"),
                TableRow(
                    f"{case} flat out, deliveries/core s", f"{case} fast", "per_core_s", ",.0f"
                ),
                TableRow(
                    f"{case} flat out, deliveries/s", f"{case} fast", "deliveries_per_s", ",.0f"
                ),
                TableRow(f"{case} flat out, p99 ms", f"{case} fast", "p99_ms", ".2f"),
            ]
    if rows.of("idle", "hubbub"):
        lines.append(TableRow("idle socket, kB (PSS)", "idle", "kb", ".2f"))
    if rows.of("connects", "hubbub"):
        lines += [
            TableRow("connect + join, µs, all tiers", "connects", "connect_us", ".0f"),
            TableRow("10,000 at once ready after, s", "connects", "ready_s", ".2f"),
        ]
    return lines


def _comparison(rows: Rows, servers: Sequence[str]) -> list[str]:
    titles = []
    for server in servers:
        titles += ["centrifuge 0.15", "newest centrifuge"] if server == "centrifuge" else [server]
    table = [
        "| median (hubbub's share of it) | hubbub | " + " | ".join(titles) + " |",
        "| --- |" + " ---: |" * (len(titles) + 1),
    ]
    for line in _relay_lines(rows):
        cells = [_cell(rows.median(line.what, "hubbub", line.key), None, line.show)]
        for server in servers:
            share = rows.ratio(line.what, "hubbub", server, line.key)
            value = rows.median(line.what, server, line.key)
            cells.append(_cell(value, share, line.show))
            if server == "centrifuge":
                factor = NEWEST.get((line.what, line.key))
                cells.append(
                    _cell(value * factor, share and share / factor, line.show)
                    if value is not None and factor is not None
                    else "-"
                )
        table.append(f"| {line.title} | " + " | ".join(cells) + " |")
    return table


def _cell(value: float | None, share: float | None, show: str) -> str:
    if value is None:
        return "-"
    return format(value, show) + (f" ({share:.2f})" if share else "")


def _sends(rows: Rows) -> list[str]:
    table = [
        "| sends | answered/s | answer p50 / p99 ms | delivery p50 / p99 ms | µs a send | "
        + " | ".join(TIERS)
        + " |",
        "| --- |" + " ---: |" * (len(TIERS) + 4),
    ]
    for layout in ("hot", "spread"):
        for way in WAYS:
            for load in (4, 32, SATURATING, "half"):
                what = f"{layout} {way} {load}"
                if rows.of(what, "hubbub"):
                    table.append(_send_line(rows, what))
    return table


def _send_line(rows: Rows, what: str) -> str:
    def median(key: str) -> float:
        return rows.median(what, "hubbub", key) or 0.0

    tiers = [
        sum(row["us_by_tier"].get(tier, 0) for row in rows.of(what, "hubbub"))
        / len(rows.of(what, "hubbub"))
        for tier in TIERS
    ]
    cells = [
        f"{median('acknowledged_per_s'):,.0f}",
        f"{median('answer_p50_ms'):.1f} / {median('answer_p99_ms'):.1f}",
        f"{median('p50_ms'):.1f} / {median('p99_ms'):.1f}",
        f"{median('us_a_send'):.0f}",
        *(f"{us:.0f}" for us in tiers),
    ]
    return f"| {what} | " + " | ".join(cells) + " |"


def _rest(rows: Rows) -> list[str]:
    lines = []
    for row in rows.of("idle", "hubbub"):
        lines.append(
            f"- the kernel's part of an idle socket: {row['kernel_kb']:.1f} kB (both ends)"
        )
    for row in rows.of("connects", "hubbub")[-1:]:
        tiers = ", ".join(f"{t} {us:.0f}" for t, us in row["us_by_tier"].items() if us >= 1)
        lines.append(f"- a connect, µs by tier: {tiers}")
    if rows.of("connects", "python floor"):
        shares = [rows.ratio("connects", "hubbub", "python floor", k) for k in _CONNECTS]
        floor = [rows.median("connects", "python floor", key) for key in _CONNECTS]
        lines.append(
            "- the least that Python needs to answer a connect, with nobody known and no chats: "
            f"{_cell(floor[0], shares[0], '.0f')} µs, 10,000 at once after "
            f"{_cell(floor[1], shares[1], '.2f')} s"
        )
    for row in rows.of("connects, balanced", "hubbub"):
        lines.append(
            f"- {row['ready']:,} at once through the balancer: all ready after"
            f" {row['ready_s']:.1f} s, {row['connect_us']:.0f} µs each, of it"
            f" {row['us_by_tier'].get('balancer', 0):.0f} in the balancer"
        )
    for way in WAYS:
        server = f"hubbub by {way}"
        shares = [
            rows.ratio("low load", server, "bare commit", key) for key in ("p50_ms", "p99_ms")
        ]
        if None not in shares:
            lines.append(
                f"- at 20 sends/s, by {way}, post to delivery against a bare commit:"
                f" p50 {shares[0]:.1f}x, p99 {shares[1]:.1f}x"
            )
    return lines


def _balancer(rows: Rows) -> list[str]:
    """What ours costs, and in brackets its share of a bare one's."""
    if not rows.of("balancer", "hubbub"):
        return []
    table = [
        "## Balancer",
        "",
        BALANCER,
        "",
        "| what the balancer adds | hubbub | bare HAProxy |",
        "| --- | ---: | ---: |",
    ]
    for title, what, key in (
        ("µs a request (POST of a message)", "balancer", "request_us"),
        ("µs a connect", "balancer", "connect_us"),
        ("µs a delivery", "balancer", "delivery_us"),
        ("kB a socket (PSS)", "balancer, idle", "kb"),
    ):
        share = rows.ratio(what, "hubbub", "bare haproxy", key)
        bare = _cell(rows.median(what, "bare haproxy", key), share, ".1f")
        own = _cell(rows.median(what, "hubbub", key), None, ".1f")
        table.append(f"| {title} | {own} | {bare} |")
    return [*table, ""]


def print_table(rows: Rows, servers: Sequence[str]) -> bool:
    """Prints everything, each target with `met` or `MISSED`; returns whether all are met."""
    parts = [*_comparison(rows, servers), "", *_sends(rows), "", *_balancer(rows), *_rest(rows)]
    print("\n".join(parts))
    print("\n".join(["", *_sections(rows)]))
    print("\nDoubts:")
    print("\n".join(f"- {doubt}" for doubt in rows.doubts()) or "- none")
    verdicts = judge_targets(rows)
    print("\nTargets:")
    print("\n".join(f"- {verdict}" for verdict in verdicts) or "- none was measured")
    print(f"\n{count_targets(verdicts)}.")
    return all(verdict.met for verdict in verdicts)


def _sections(rows: Rows) -> list[str]:
    return [
        *describe_changes(rows),
        *describe_storms(rows),
        *describe_stuck_readers(rows),
        *describe_costs(rows),
        *describe_search(rows),
        *describe_lists(rows),
        *describe_markers(rows),
        *describe_views(rows),
        *describe_pinning(rows),
        *describe_products(rows),
        *describe_rest(rows),
    ]


def write_report(
    rows: Rows, servers: Sequence[str], left_out: Mapping[str, str], seconds: float
) -> None:
    """docs/benchmarks.md and its pictures, in place of the last ones; what it says about growth,
    which is measured more rarely, stays."""
    _draw(rows, servers, PICTURES)
    text = [
        "# Benchmarks",
        "",
        "For everybody who compares Hubbub's speed with other servers. Written by `make bench`; do "
        "not edit. What is measured and how fair it is: "
        "[loadtest/peers](../loadtest/peers/README.md); other hosts and earlier runs: "
        "[earlier runs](benchmark-history.md); how many users a system carries: [load](load.md).",
        "",
        "Figures are medians; in brackets is Hubbub's share of the peer's, the median of the "
        "ratios within each round. Compare ratios of one run, not absolute figures of different "
        "machines.",
        "",
        *(f"- {line}" for line in _circumstances(servers, seconds)),
        *(f"- left out here: {name} ({why.splitlines()[0]})" for name, why in left_out.items()),
        "",
        *describe_targets(judge_targets(rows)),
        "## Fan-out, memory, connects",
        "",
        NEWEST_CENTRIFUGE,
        "",
        *_comparison(rows, servers),
        "",
        "![Fan-out](pictures/bench-fan-out.png)",
        "",
        *(f"- {case}: {CASES[case].title}" for case in CASES if rows.of(f"{case} fixed", "hubbub")),
        "",
        "## Sends",
        "",
        SENDS,
        "",
        *_sends(rows),
        "",
        "![Sends](pictures/bench-sends.png)",
        "",
        *_balancer(rows),
        *_rest(rows),
        "",
        *_sections(rows),
        "## Doubts about this run",
        "",
        *([f"- {doubt}" for doubt in rows.doubts()] or ["- none"]),
        "",
    ]
    REPORT.write_text("\n".join(text) + growth_section_of(REPORT))


def _circumstances(servers: Sequence[str], seconds: float) -> list[str]:
    return [
        *describe_machine(),
        f"{describe_commit()}, {seconds:.0f} s, load average "
        f"at the end {first_line('uptime').rpartition('load average: ')[2]}",
        f"{first_line('python3', '--version')}; {'; '.join(describe_versions(servers))}",
        "everything on: acknowledgement, order, gap detection, limits (`HUBBUB_RATE_LIMITS=high`), "
        "metrics, logs; one process of each role",
    ]


def _draw(rows: Rows, servers: Sequence[str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    cases = [case for case in CASES if rows.of(f"{case} fixed", "hubbub")]
    names = ["hubbub", *servers]
    if cases:
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        fixed, fast = figure.subplots(1, 2)
        for plot, mode, key, title in (
            (fixed, "fixed", "us", "µs CPU a delivery, fixed rate (less is better)"),
            (fast, "fast", "per_core_s", "deliveries a core second, flat out"),
        ):
            for i, name in enumerate(names):
                values = [rows.median(f"{case} {mode}", name, key) or 0 for case in cases]
                places = [n + (i - len(names) / 2) * 0.8 / len(names) for n in range(len(cases))]
                plot.bar(places, values, 0.75 / len(names), label=name, color=COLOURS[name])
            plot.set_xticks(range(len(cases)), cases)
            plot.set_yscale("log")
            plot.set_title(title, fontsize=9)
        shown = fixed.get_legend_handles_labels()
        figure.legend(*shown, fontsize=8, loc="outside lower center", ncols=len(names))
        figure.savefig(folder / "bench-fan-out.png", dpi=110)
    ways = [f"{layout} {way} {SATURATING}" for layout in ("hot", "spread") for way in WAYS]
    ways = [way for way in ways if rows.of(way, "hubbub")]
    if ways:
        figure = Figure(figsize=(8, 2.6), layout="constrained")
        plot = figure.subplots()
        left = [0.0] * len(ways)
        for tier in TIERS:
            values = [rows.of(way, "hubbub")[-1]["us_by_tier"].get(tier, 0) for way in ways]
            plot.barh(ways, values, left=left, label=tier)
            left = [a + b for a, b in zip(left, values, strict=True)]
        plot.set_xlabel("µs CPU a send at saturation, by tier")
        plot.legend(fontsize=8)
        figure.savefig(folder / "bench-sends.png", dpi=110)
