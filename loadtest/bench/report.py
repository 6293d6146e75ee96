"""The table and the plots of a run, for docs/benchmarks.md.

Knows the name of each figure and what it is compared with; measures nothing. A run of some parts
replaces their sections and leaves the others as they are.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from loadtest.bench.costs import describe_costs, describe_feeding
from loadtest.bench.drawing import TIERS, WAYS, draw
from loadtest.bench.earlier import HEADING as EARLIER
from loadtest.bench.earlier import describe_earlier
from loadtest.bench.growth import SECTION as GROWTH
from loadtest.bench.low_load import describe_low_load
from loadtest.bench.page import Page
from loadtest.bench.products import describe_products
from loadtest.bench.sections import (
    describe_changes,
    describe_lists,
    describe_markers,
    describe_pinning,
    describe_rest,
    describe_search,
    describe_storms,
    describe_stuck_readers,
    describe_views,
)
from loadtest.bench.targets import SECTION as TARGETS
from loadtest.bench.targets import count_targets, describe_targets, judge_targets
from loadtest.peers.build import describe_versions
from loadtest.peers.figures import Rows
from loadtest.peers.hopping import AT_ITS_HALF
from loadtest.peers.hubbub import PROJECT
from loadtest.peers.machine import describe_commit, describe_machine
from loadtest.peers.relaying import CASES
from loadtest.peers.sending import AT_THE_LIMIT, BELOW_IT

REPORT: Final = PROJECT / "docs" / "benchmarks.md"
PICTURES: Final = PROJECT / "docs" / "pictures"
# Factors of the newest centrifuge (master of August 2026, Go 1.24) relative to 0.15, measured once
# on another machine with the better of its defaults and its documented options for each figure.
# Ratios carry over, absolute values do not; figures without a factor were not measured.
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


INTRODUCTION: Final = """# Benchmarks

For everybody who compares Hubbub's speed with other servers. Written by `make bench`, section by
section by `make bench PARTS=products,reads`; do not edit. What is measured and how fair it is:
[loadtest/peers](../loadtest/peers/README.md); other hosts and earlier runs:
[earlier runs](benchmark-history.md); how many users a system carries: [load](load.md).

Figures are medians; in brackets is Hubbub's share of the peer's, the median of the ratios within
each round. Compare ratios of one section, not absolute figures of different machines or runs: each
section says of which run it is.

Everything is on in Hubbub: acknowledgement, order, gap detection, limits
(`HUBBUB_RATE_LIMITS=high`), metrics, logs; one process of each role where nothing else is said."""

HEAD_LINES: Final = 2  # of a table
BALANCER: Final = (
    "The balancer of a running Hubbub beside a HAProxy with its defaults that only passes on to "
    "the same processes, over the same Unix sockets."
)
SENDS: Final = (
    "`hot` is one chat of 8 users who all send, `spread` 200 chats of 2 with one sender each; the "
    "number is how many sends are in flight, `half` half of the best rate in open loop. Each row "
    "begins when the search index has all that was sent before. Columns from *balancer* on are µs "
    "of CPU a send, by tier."
)
_CONNECTS: Final = ("connect_us", "ready_s")


class TableRow(NamedTuple):
    """One figure of the table: where it is among the rows, and how it is written."""

    title: str
    what: str
    key: str
    show: str


def _fan_out_lines(rows: Rows) -> list[TableRow]:
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
    return lines


IDLE: Final = (TableRow("idle socket, kB (PSS)", "idle", "kb", ".2f"),)
CONNECTS: Final = (
    TableRow("connect + join, µs, all tiers", "connects", "connect_us", ".0f"),
    TableRow("10,000 at once ready after, s", "connects", "ready_s", ".2f"),
)


def _comparison(rows: Rows, servers: Sequence[str], lines: Sequence[TableRow]) -> list[str]:
    titles = []
    for server in servers:
        titles += ["centrifuge 0.15", "newest centrifuge"] if server == "centrifuge" else [server]
    table = [
        "| median (hubbub's share of it) | hubbub | " + " | ".join(titles) + " |",
        "| --- |" + " ---: |" * (len(titles) + 1),
    ]
    for line in lines:
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
            for load in (*BELOW_IT, *AT_THE_LIMIT, "half"):
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


def _describe_fan_out(rows: Rows, servers: Sequence[str]) -> list[str]:
    if not (lines := _fan_out_lines(rows)):
        return []
    return [
        "## Fan-out",
        "",
        NEWEST_CENTRIFUGE,
        "",
        *_comparison(rows, servers, lines),
        "",
        "![Fan-out](pictures/bench-fan-out.png)",
        "",
        *(f"- {case}: {CASES[case].title}" for case in CASES if rows.of(f"{case} fixed", "hubbub")),
        "",
    ]


def _describe_memory(rows: Rows, servers: Sequence[str]) -> list[str]:
    if not (found := rows.of("idle", "hubbub")):
        return []
    return [
        "## Memory of a socket",
        "",
        *_comparison(rows, servers, IDLE),
        "",
        *(
            f"- the kernel's part of an idle socket: {row['kernel_kb']:.1f} kB (both ends)"
            for row in found
        ),
        "",
    ]


def _describe_connects(rows: Rows, servers: Sequence[str]) -> list[str]:
    if not rows.of("connects", "hubbub"):
        return []
    lines = ["## Connects", "", *_comparison(rows, servers, CONNECTS), ""]
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
    return [*lines, ""]


def _describe_sends(rows: Rows, _: Sequence[str]) -> list[str]:
    if len(table := _sends(rows)) == HEAD_LINES:
        return []
    lines = ["## Sends", "", SENDS, "", *table, ""]
    for way in WAYS:
        what = f"spread {way} half"
        for server, says in (
            ("floor", f"as `{what}`"),
            (AT_ITS_HALF, "half of the most that it carries itself"),
        ):
            if floor := rows.of(what, server):
                p50, p99 = (rows.median(what, server, key) or 0.0 for key in ("p50_ms", "p99_ms"))
                lines.append(
                    f"- the floor of hops (`sending_floor.py`) at {floor[0]['rate']:,.0f} a second"
                    f" by {way}, {says}: delivery {p50:.1f} / {p99:.1f} ms"
                )
    return [*lines, "", "![Sends](pictures/bench-sends.png)", ""]


def _balancer(rows: Rows) -> list[str]:
    """Our cost, with the ratio to a bare one in brackets."""
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


Describe = Callable[[Rows, Sequence[str]], list[str]]


def _alone(describe: Callable[[Rows], list[str]]) -> Describe:
    """For a section that has no peers."""
    return lambda rows, _: describe(rows)


class Section(NamedTuple):
    """What a part's figures become. `describe` returns lines, the heading first, or none."""

    heading: str
    describe: Describe


SECTIONS: Final[Mapping[str, Section]] = {
    "fanout": Section("Fan-out", _describe_fan_out),
    "memory": Section("Memory of a socket", _describe_memory),
    "connects": Section("Connects", _describe_connects),
    "sends": Section("Sends", _describe_sends),
    "low-load": Section("Sends at low load", _alone(describe_low_load)),
    "earlier": Section(EARLIER, _alone(describe_earlier)),
    "balancer": Section("Balancer", _alone(_balancer)),
    "changes": Section("Messages that change", _alone(describe_changes)),
    "storms": Section("Storms of reconnects", _alone(describe_storms)),
    "stuck": Section("A thousand stuck readers", _alone(describe_stuck_readers)),
    "costs": Section("What the outbox, metrics and logs cost", _alone(describe_costs)),
    "feeding": Section("What the search index costs a send", _alone(describe_feeding)),
    "search": Section("Search", _alone(describe_search)),
    "list": Section("The list of chats", _alone(describe_lists)),
    "read-markers": Section("Read markers and presence", _alone(describe_markers)),
    "reads": Section("Reads", _alone(describe_views)),
    "pinned": Section("A second core for each tier", _alone(describe_pinning)),
    "products": Section("Beside whole products", _alone(describe_products)),
    "rest": Section("At rest", _alone(describe_rest)),
}
"""By part, in the order of the page."""

HEADINGS: Final = (TARGETS, *(section.heading for section in SECTIONS.values()), GROWTH)


def describe_parts(rows: Rows, servers: Sequence[str]) -> dict[str, list[str]]:
    """The section of each part with figures."""
    found = {
        part: section.describe(rows.of_part(part), servers) for part, section in SECTIONS.items()
    }
    return {part: lines for part, lines in found.items() if lines}


def print_table(rows: Rows, servers: Sequence[str]) -> bool:
    """Prints everything, each target with `met` or `MISSED`; returns whether all are met."""
    for lines in describe_parts(rows, servers).values():
        print("\n".join(lines))
    print("\nDoubts:")
    print("\n".join(f"- {doubt}" for doubt in rows.doubts()) or "- none")
    verdicts = judge_targets(rows)
    print("\nTargets:")
    print("\n".join(f"- {verdict}" for verdict in verdicts) or "- none was measured")
    print(f"\n{count_targets(verdicts)}.")
    return all(verdict.met for verdict in verdicts)


def write_report(rows: Rows, servers: Sequence[str], left_out: Mapping[str, str]) -> None:
    """Writes docs/benchmarks.md and its charts. Sections that this run did not measure stay
    unchanged."""
    draw(rows, servers, PICTURES)
    REPORT.write_text(renew_report(REPORT.read_text(), rows, servers, left_out))


def renew_report(text: str, rows: Rows, servers: Sequence[str], left_out: Mapping[str, str]) -> str:
    """The page with the sections of these figures replaced."""
    page = Page(text)
    page.introduction = INTRODUCTION
    for part, lines in describe_parts(rows, servers).items():
        of_part = rows.of_part(part)
        doubts = [f"- doubt: {doubt}" for doubt in of_part.doubts()]
        page.put(
            [
                *lines[:2],
                *_circumstances(of_part, servers, left_out),
                "",
                *lines[2:],
                *([*doubts, ""] if doubts else []),
            ]
        )
    if targets := describe_targets(judge_targets(rows), page.section(TARGETS)):
        page.put(targets)
    return page.text(HEADINGS)


def _circumstances(rows: Rows, servers: Sequence[str], left_out: Mapping[str, str]) -> list[str]:
    """Describes the run of a section. Names the peers if it has some."""
    there = {row["server"] for row in rows.rows}
    peers = describe_versions([server for server in servers if server in there])
    others = max(row.get("others_cores", 0.0) for row in rows.rows)
    said = [
        describe_commit(),
        *describe_machine(),
        f"Python {platform.python_version()}",
        *peers,
        *(
            f"left out: {name} ({why.splitlines()[0]})"
            for name, why in left_out.items()
            if there - {"hubbub"}
        ),
        f"others used {others:.1f} cores at most",
    ]
    return [f"*{'; '.join(said)}*"]
