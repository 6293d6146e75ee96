"""The sections of docs/benchmarks.md about Hubbub alone, and compared with whole products. Measures
nothing. A section without rows is left out.
"""

import statistics
from collections.abc import Iterable
from typing import Final

from loadtest.peers.figures import Rows
from loadtest.peers.finding import KINDS, PLACES
from loadtest.peers.listing import CHATS, LISTED, LISTINGS
from loadtest.peers.machine import Found
from loadtest.peers.pinning import CORES, ONE_THREAD, PINNED, WAYS
from loadtest.peers.resting import RESTING, SETTLE_SECONDS, WATCHED_SECONDS
from loadtest.peers.viewing import CHATS as READ_CHATS
from loadtest.peers.viewing import IN_FLIGHT, READERS, VIEWS
from loadtest.peers.viewing import MESSAGES as IN_CHAT

STORM_TARGET_SECONDS: Final = 10
QUERIES_TARGET: Final = 1
STORMS: Final = {
    "storm, one node": "one of two nodes killed, its sockets dial the other one",
    "storm, both nodes": "both killed and started again, all dial at once",
    "storm, balancer": "both killed and started again, all dial the balancer at once",
}
STUCK_TARGET: Final = "at most 1.25 times or +3 ms"


def describe_storms(rows: Rows) -> list[str]:
    """The duration of a storm, and the cost of a reconnect."""
    there = [what for what in STORMS if rows.of(what, "hubbub")]
    if not there:
        return []
    table = [
        "## Storms of reconnects",
        "",
        "Sockets of 20 a user, in chats of ten, each with the cursor of its chat, whose last two "
        "messages it has missed. All dial at the same moment; who fails tries again with the "
        "page's jittered back-off. Two realtime nodes and the client share the machine, which "
        f"starts what was killed, too. Targets: all live within {STORM_TARGET_SECONDS} s of "
        f"dialling, at most {QUERIES_TARGET} query of the database of chats per 100 reconnects: "
        "as chats counts them, minus as many as it makes in that time while nobody says anything. "
        "Medians.",
        "",
        "| what happened | sockets | live after, s | since the kill, s | tried again "
        "| µs a reconnect | by tier | queries per 100 | replayed events missing |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    for what in there:
        found = rows.of(what, "hubbub")
        cells = [
            STORMS[what],
            f"{_median(found, 'sockets'):,.0f}",
            _median_and_worst(found, "back_s", ".2f"),
            f"{_median(found, 'outage_s'):.2f}",
            _median_and_worst(found, "tried_again", ",.0f"),
            f"{_median(found, 'reconnect_us'):.0f}",
            _tiers(found),
            _median_and_worst(found, "queries_per_100", ".2f"),
            f"{sum(row['undelivered'] + row['lost'] for row in found)}",
        ]
        table.append("| " + " | ".join(cells) + " |")
    return [*table, ""]


def describe_stuck_readers(rows: Rows) -> list[str]:
    """The effect of readers that never read on the others and the node."""
    stuck, calm = rows.of("stuck readers", "with"), rows.of("stuck readers", "without")
    if not stuck:
        return []
    ratio = rows.ratio("stuck readers", "with", "without", "p99_ms") or 0.0
    pairs = rows.pairs("stuck readers", "with", "without")
    difference = statistics.median(a["p99_ms"] - b["p99_ms"] for a, b in pairs)
    ends: dict[str, int] = {}
    for row in stuck:
        for code, number in row["ends"].items():
            ends[code] = ends.get(code, 0) + number
    full = rows.median("full load", "hubbub", "deliveries_per_s") or 0.0
    return [
        "## A thousand stuck readers",
        "",
        "1,000 sockets in 100 chats read; 1,000 more join the same chats, with the smallest "
        "receive buffer, and never read. Events of 4,800 bytes straight on the bus, one by one, "
        f"{_median(calm, 'deliveries_per_s'):,.0f} deliveries/s, with which the node, alone on its "
        f"core, uses {_median(calm, 'server_core'):.0%} of it ({full:,.0f}/s flat out). Each "
        "round measures without them for 8 s and with them for 14 s: from when the kernel's "
        "buffers are full (until then they are like so many more who read) until after the node "
        "has ended them all.",
        "",
        "- p99 of the others' deliveries: "
        f"{_median((b for _, b in pairs), 'p99_ms'):.2f} ms without, "
        f"{_median((a for a, _ in pairs), 'p99_ms'):.2f} ms with; in the median of {len(pairs)} "
        f"undisturbed rounds {ratio:.2f} times, {difference:+.2f} ms (target: {STUCK_TARGET})",
        f"- p50: {_median(calm, 'p50_ms'):.2f} ms without, {_median(stuck, 'p50_ms'):.2f} ms "
        f"with; latest of all: {_median(calm, 'max_ms'):.0f} and {_median(stuck, 'max_ms'):.0f} ms",
        f"- the node grew by at most {max(row['grown_mb'] for row in stuck):.0f} MB (PSS; the "
        "bound is 1 MiB of unsent bytes a socket)",
        f"- how they ended, by close code, in {len(stuck)} rounds: "
        + ", ".join(f"{code}: {number:,}" for code, number in sorted(ends.items()))
        + f"; left open: {sum(row['not_ended'] for row in stuck)}",
        "",
    ]


def describe_changes(rows: Rows) -> list[str]:
    """The cost of pages of changed messages, and of reactions, compared with plain pages and
    sends."""
    if not rows.of("an event", "send"):
        return []
    table = [
        "## Messages that change",
        "",
        "CPU of all tiers for a request, 16 in flight, and its p50. Pages of 50 messages, all of "
        "them edited and with ten reactions of ten users, beside plain ones of the same length: "
        "the newest, of which edge holds what it was told, and older ones, which chats reads. "
        "Reactions, made and taken back, beside sends into the same chat. In turns.",
        "",
        "| request | µs | p50, ms | beside | µs | p50, ms | times |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for what, mine, other in (
        ("history, newest", "changed", "plain"),
        ("history, older", "changed", "plain"),
        ("an event", "reaction", "send"),
    ):
        cells = [
            f"{rows.median(what, server, key):{show}}"
            for server in (mine, other)
            for key, show in (("us", ".0f"), ("p50_ms", ".2f"))
        ]
        table.append(
            f"| {what}: {mine} | {cells[0]} | {cells[1]} | {other} | {cells[2]} | {cells[3]} "
            f"| {rows.ratio(what, mine, other, 'us'):.2f} |"
        )
    return [*table, ""]


def describe_search(rows: Rows) -> list[str]:
    """The cost of search and of the index."""
    fed = rows.of("search, feeding", "hubbub")
    if not fed:
        return []
    (one,) = fed
    table = [
        "## Search",
        "",
        f"{one['size']:,} messages of about 500 characters by Zipf's law in a thousand chats of "
        "one user, the largest of which is the one chat. Searches by REST, one after the other; "
        "times at the client, CPU over all tiers. Feeding more to the index costs PostgreSQL "
        f"{one['us']:.0f} µs a message; the index has {one['index_mb']:,.0f} MB, the words of the "
        "messages among them.",
        "",
        "| what is looked for | where | p50, ms | p95, ms | CPU, ms |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for kind in KINDS:
        for where in PLACES:
            for found in rows.of(f"search, {kind}, {where}", "hubbub"):
                table.append(
                    f"| {kind} | {where} | {found['p50_ms']:.1f} | {found['p95_ms']:.1f} "
                    f"| {found['us'] / 1000:.1f} |"
                )
    return [*table, ""]


def describe_lists(rows: Rows) -> list[str]:
    """The cost of the first page of a user's chats, with counts and last messages."""
    there = [what for what in LISTINGS if rows.of(what, "hubbub")]
    if not there:
        return []
    size = rows.of(there[0], "hubbub")[0]["size"]
    table = [
        "## The list of chats",
        "",
        f"`GET /api/chat?limit={LISTED}` of a user in {CHATS:,} chats with {size:,} messages of "
        "one other: nothing read, all read, and as that other one sees it. One after the other; "
        "times at the client, CPU over all tiers.",
        "",
        "| what | p50, ms | p95, ms | CPU, ms | µs a chat | tiers, µs a page |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for what in there:
        found = rows.of(what, "hubbub")
        us = _median(found, "us")
        table.append(
            f"| {what.removeprefix('list, ')} | {_median(found, 'p50_ms'):.1f} "
            f"| {_median(found, 'p95_ms'):.1f} | {us / 1000:.1f} | {us / LISTED:.0f} "
            f"| {_tiers(found)} |"
        )
    return [*table, ""]


def describe_markers(rows: Rows) -> list[str]:
    """The cost of read markers and presence."""
    if not rows.of("read markers", "hubbub"):
        return []
    [marked] = rows.of("read markers", "hubbub")
    [floor] = rows.of("read markers, floor", "hubbub")
    [unwatched] = rows.of("presence, unwatched", "hubbub")
    [watched] = rows.of("presence, watched", "hubbub")
    return [
        "## Read markers and presence",
        "",
        "1,000 users, a socket each through the balancer, move 1,000 markers a second by one "
        "message each. Then one of them, whom 200 others watch, goes away and comes back.",
        "",
        f"- a marker: {marked['us']:.0f} µs of CPU over all tiers ({_tiers([marked])}); "
        f"{marked['hot_share']:.1%} of the updates touched no index; the table grew by "
        f"{marked['grown_mb']:.1f} MB over {marked['size']:,} markers",
        f"- the floor, one UPDATE for all frames of a quarter of a second: {floor['us']:.0f} µs "
        f"({_tiers([floor])}); Hubbub is {marked['us'] / floor['us']:.2f} times that",
        f"- {unwatched['size']:,} users whom nobody watches: "
        f"{max(0.0, unwatched['commands_per_s']):.1f} commands of Valkey a second",
        f"- a change of the watched one: {watched['commands']:.1f} commands of Valkey, "
        f"{watched['us'] / 1000:.1f} ms of CPU over all tiers for {watched['size']} sockets; told "
        f"after {watched['max_ms']:.0f} ms at the latest",
        "",
    ]


def describe_views(rows: Rows) -> list[str]:
    """The cost of reads, by tier."""
    if not rows.of(VIEWS[0], "hubbub"):
        return []
    table = [
        "## Reads",
        "",
        f"{READERS} users in the same {READ_CHATS} chats of {IN_CHAT} messages, which they wrote "
        f"in turns and have not marked as read; {IN_FLIGHT} requests open, through the balancer. "
        "CPU of all tiers for a request, and how many a second beside a client that shares the two "
        "cores. What was read of a chat whose head and marker did not move is held in memory; the "
        "newest page also at edge "
        "([how](decisions/gateway.md#reads-as-chats-encoded-them)). Medians.",
        "",
        "| request | kB | µs | by tier | a second | p50, ms | p99, ms |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for view in VIEWS:
        if found := rows.of(view, "hubbub"):
            table.append(
                f"| {view} | {_median(found, 'bytes') / 1000:.1f} | {_median(found, 'us'):,.0f} "
                f"| {_tiers(found)} | {_median(found, 'requests_per_s'):,.0f} "
                f"| {_median(found, 'p50_ms'):.1f} | {_median(found, 'p99_ms'):.1f} |"
            )
    return [*table, ""]


def describe_pinning(rows: Rows) -> list[str]:
    """The gain of a second core for a tier."""
    there = [
        (way, tier)
        for way in WAYS
        for tier in PINNED
        if rows.of(_pinned(way, tier), next(iter(CORES)))
    ]
    if not there:
        return []
    table = [
        "## A second core for each tier",
        "",
        "Two replicas of each service; sends into 200 chats, as many as can be, while one tier's "
        "processes are on one core and then on both, in turns; all else, the load too, is on both "
        "all the time. *A core* is what one core would carry: a second divided by the tier's own "
        "CPU for a send. *Second core*: times as many as that on two cores, by the CPU of a send "
        "there; Valkey has one thread. Medians.",
        "",
        "| sends | tier | a second, on one core and on two | own µs | a core | second core |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for way, tier in there:
        one, two = (rows.of(_pinned(way, tier), cores) for cores in CORES)
        own = _median(one, "own_us"), _median(two, "own_us")
        times = "-" if tier in ONE_THREAD else f"{2 * own[0] / own[1]:.2f}"
        rates = " and ".join(f"{_median(of, 'acknowledged_per_s'):,.0f}" for of in (one, two))
        table.append(
            f"| by {way} | {tier} | {rates} | {own[0]:.1f} and {own[1]:.1f} "
            f"| {1e6 / own[0]:,.0f} | {times} |"
        )
    return [*table, ""]


def _pinned(way: str, tier: str) -> str:
    return f"pinned {tier}, {way}"


def describe_rest(rows: Rows) -> list[str]:
    """What an idle system uses."""
    there = [found for what in RESTING for found in rows.of(what, "hubbub")]
    if not there:
        return []
    roles = there[0]["by_role"]
    table = [
        "## At rest",
        "",
        f"A fresh Hubbub as `make run` starts it, {SETTLE_SECONDS:.0f} s after its start, and one "
        "with `HUBBUB_SIZE=small`. Memory is PSS over all processes; CPU is of "
        f"{WATCHED_SECONDS:.0f} s, while others used "
        f"{max(found['others_cores'] for found in there):.2f} cores at most.",
        "",
        "| role | processes | MB | % of a core | small: processes | MB | % of a core |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for role in roles:
        figures = [found["by_role"][role] for found in there]
        cells = [f"{f['processes']} | {f['mb']:.0f} | {f['core_percent']:.2f}" for f in figures]
        table.append(f"| {role} | " + " | ".join(cells) + " |")
    sums = [f"| {found['mb']:.0f} | {found['core_percent']:.2f}" for found in there]
    return [*table, "| all | " + " | ".join(sums) + " |", ""]


def _median(rows: Iterable[Found], key: str) -> float:
    return statistics.median(float(row[key]) for row in rows)


def _median_and_worst(rows: list[Found], key: str, show: str) -> str:
    worst = max(float(row[key]) for row in rows)
    return f"{_median(rows, key):{show}} (worst {worst:{show}})"


def _tiers(rows: list[Found]) -> str:
    tiers = {tier for row in rows for tier in row["us_by_tier"]}
    costs = {t: statistics.median(row["us_by_tier"].get(t, 0.0) for row in rows) for t in tiers}
    ordered = sorted(costs.items(), key=lambda cost: -cost[1])
    return ", ".join(f"{tier} {us:.0f}" for tier, us in ordered if us >= 1)
