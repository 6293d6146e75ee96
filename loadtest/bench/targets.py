"""The targets of a benchmark run, and whether each was met: met or MISSED.

Pure; measures nothing. Targets that a run did not measure are left out.
"""

import statistics
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from loadtest.peers.earlier import EARLIER, PAGES
from loadtest.peers.figures import Rows
from loadtest.peers.finding import KINDS, PLACES
from loadtest.peers.listing import LISTED, LISTINGS
from loadtest.peers.products import ACTS, DELIVERY
from loadtest.peers.resting import RESTING
from loadtest.peers.sending import AT_THE_LIMIT, SATURATING

SECTION: Final = "Targets"

Measure = Callable[[Rows], float | None]


class Target(NamedTuple):
    """`bound` is the largest allowed value, or with `at_least` the smallest."""

    title: str
    measure: Measure
    bound: float
    at_least: bool = False
    show: str = ".2f"


class Verdict(NamedTuple):
    target: Target
    value: float

    @property
    def met(self) -> bool:
        bound = self.target.bound
        return self.value >= bound if self.target.at_least else self.value <= bound

    def __str__(self) -> str:
        show, sign = self.target.show, "at least" if self.target.at_least else "at most"
        return (
            f"{'met' if self.met else 'MISSED'}: {self.target.title}: {self.value:{show}}, "
            f"{sign} {self.target.bound:{show}}"
        )


def _share(what: str, key: str, server: str = "centrifuge", own: str = "hubbub") -> Measure:
    return lambda rows: rows.ratio(what, own, server, key)


def _value(what: str, key: str, server: str = "hubbub") -> Measure:
    return lambda rows: rows.median(what, server, key)


def _flat_out(sends: str) -> Measure:
    """Answers per second, at the best number in flight."""

    def measure(rows: Rows) -> float | None:
        rates = [
            rows.median(f"{sends} {in_flight}", "hubbub", "acknowledged_per_s")
            for in_flight in AT_THE_LIMIT
        ]
        return max((rate for rate in rates if rate is not None), default=None)

    return measure


def _worst(what: str, key: str) -> Measure:
    return lambda rows: max((float(r[key]) for r in rows.of(what, "hubbub")), default=None)


def _added(what: str) -> Measure:
    """The median of the pairs' ratios, less one."""

    def measure(rows: Rows) -> float | None:
        pairs = zip(rows.of(what, "with"), rows.of(what, "without"), strict=True)
        ratios = [float(with_["us"] / without["us"] - 1) for with_, without in pairs]
        return statistics.median(ratios) if ratios else None

    return measure


def _stuck(rows: Rows) -> float | None:
    """1 if the others' p99 grew by at most 1.25 times or 3 ms, else above."""
    pairs = rows.pairs("stuck readers", "with", "without")
    if not pairs:
        return None
    ratio = rows.ratio("stuck readers", "with", "without", "p99_ms") or 1.0
    more = statistics.median(a["p99_ms"] - b["p99_ms"] for a, b in pairs)
    return float(min(ratio / 1.25, max(more, 0.0) / 3.0))


def _ended_by_4008(rows: Rows) -> float | None:
    ends = [row["ends"] for row in rows.of("stuck readers", "with")]
    total = sum(sum(codes.values()) for codes in ends)
    return float(sum(codes.get("4008", 0) for codes in ends) / total) if total else None


def _a_chat(what: str) -> Measure:
    def measure(rows: Rows) -> float | None:
        found = rows.of(what, "hubbub")
        return statistics.median(float(row["us"]) for row in found) / LISTED if found else None

    return measure


def _earlier() -> Iterator[Target]:
    """The targets as ratios to the figures of commit 319b580 when they were set."""
    for way, cost, spread, hot, p99 in (
        ("rest", 190 / 250, 9_000 / 6_900, 11_000 / 7_700, 15 / 27),
        ("socket", 95 / 117, 13_000 / 10_400, 22_000 / 17_600, 8 / 7),
    ):
        for layout, title, most in (("spread", "200 chats", spread), ("hot", "one chat", hot)):
            sends = f"earlier, {layout} {way} {AT_THE_LIMIT[-1]}"
            yield Target(
                f"sends by {way} in {title}, a second, times the earlier one's",
                _share(sends, "acknowledged_per_s", EARLIER), most, at_least=True,
            )  # fmt: skip
        yield Target(
            f"a send by {way} in 200 chats, µs, times the earlier one's",
            _share(f"earlier, spread {way} {SATURATING}", "us_a_send", EARLIER), cost,
        )  # fmt: skip
        yield Target(
            f"sends by {way} in 200 chats at half of the most, delivery p99, times the earlier "
            "one's",
            _share(f"earlier, spread {way} half", "p99_ms", EARLIER), p99,
        )  # fmt: skip
    for page in PAGES:
        yield Target(
            f"{page}, µs, times the earlier one's", _share(f"earlier, {page}", "us", EARLIER), 0.5
        )


def _fan_out() -> Iterator[Target]:
    for case, fixed, flat_out in (
        ("F1", 0.6, 1.3), ("F2", 0.4, 3.0), ("F3", 0.65, 2.0), ("F4", 0.75, 1.3), ("F5", 0.6, 1.3),
    ):  # fmt: skip
        yield Target(
            f"{case} at its fixed rate, µs a delivery, times centrifuge 0.15",
            _share(f"{case} fixed", "us"), fixed,
        )  # fmt: skip
        yield Target(
            f"{case} flat out, deliveries a core second, times centrifuge 0.15",
            _share(f"{case} fast", "per_core_s"), flat_out, at_least=True,
        )  # fmt: skip
        yield Target(
            f"{case} flat out, deliveries a core second, times the spike",
            _share(f"{case} fast", "per_core_s", "spike"), 0.85, at_least=True,
        )  # fmt: skip
    yield Target(
        "F1 at its fixed rate, µs a delivery, times the floor",
        _share("F1 fixed", "us", "floor"),
        1.5,
    )
    yield Target("F1 flat out, p99, times centrifuge 0.15", _share("F1 fast", "p99_ms"), 1.0)


TARGETS: Final = (
    *_fan_out(),
    *(
        Target(f"{search}, p95, ms", _value(search, "p95_ms"), 50)
        for search in (f"search, {kind}, {where}" for kind in KINDS for where in PLACES)
    ),
    *(
        target
        for listing in LISTINGS
        for target in (
            Target(f"{listing}, p95, ms", _value(listing, "p95_ms"), 50),
            Target(f"{listing}, µs a chat, all tiers", _a_chat(listing), 100),
        )
    ),
    Target("a read marker by socket, µs, all tiers", _value("read markers", "us"), 60, show=".0f"),
    Target(
        "read markers that are not where they were moved",
        _worst("read markers", "undelivered"), 0, show=".0f",
    ),
    Target(
        "commands of Valkey a second for 1,000 users whom nobody watches",
        _value("presence, unwatched", "commands_per_s"), 1,
    ),
    *(
        Target(f"{act}, µs, times Synapse", _share(act, "us", "synapse"), 1)
        for act in (*ACTS, DELIVERY)
    ),
    Target("`make run` at rest, MB (PSS)", _value(RESTING[0], "mb"), 213, show=".0f"),
    Target("`make run` at rest, % of a core", _value(RESTING[0], "core_percent"), 1.0),
    Target("idle socket, kB", _value("idle", "kb"), 7.0),
    Target("idle socket, times centrifuge 0.15", _share("idle", "kb"), 0.25),
    Target("connect and join, times centrifuge 0.15", _share("connects", "connect_us"), 1.1),
    Target("connect and join, µs, all tiers", _value("connects", "connect_us"), 400, show=".0f"),
    Target("10,000 at once ready after, s", _value("connects", "ready_s"), 1.2),
    *(
        Target(f"balancer, {title}, times bare HAProxy", _share(what, key, "bare haproxy"), 1.2)
        for title, what, key in (
            ("a request", "balancer", "request_us"),
            ("a connect", "balancer", "connect_us"),
            ("a delivery", "balancer", "delivery_us"),
            ("memory of a socket", "balancer, idle", "kb"),
        )
    ),
    *(
        target
        for way, spread, hot, cost, p99, commits in (
            ("socket", 13_000, 22_000, 95, 8, 2.2),
            ("rest", 9_000, 11_000, 190, 15, 2.6),
        )
        for target in (
            Target(
                f"sends by {way} in 200 chats, a second",
                _flat_out(f"spread {way}"), spread, at_least=True, show=",.0f",
            ),
            Target(
                f"sends by {way} in one chat, a second",
                _flat_out(f"hot {way}"), hot, at_least=True, show=",.0f",
            ),
            Target(
                f"a send by {way} in 200 chats, µs, all tiers",
                _value(f"spread {way} {SATURATING}", "us_a_send"), cost, show=".0f",
            ),
            Target(
                f"sends by {way} in 200 chats at half of the most, delivery p99, ms",
                _value(f"spread {way} half", "p99_ms"), p99, show=".0f",
            ),
            Target(
                f"20 sends a second by {way}, delivery p50, times a bare commit",
                _share("low load", "p50_ms", "bare commit", f"hubbub by {way}"), commits,
            ),
            Target(
                f"20 sends a second by {way}, delivery p99, times a bare commit",
                _share("low load", "p99_ms", "bare commit", f"hubbub by {way}"), 5.0,
            ),
        )
    ),
    *_earlier(),
    *(
        Target(
            f"{title}, all of it edited and with ten reactions, times a plain one",
            _share(what, "us", "plain", "changed"), 1.5,
        )
        for what, title in (
            ("history, newest", "the newest 50 messages"),
            ("history, older", "50 older messages"),
        )
    ),
    Target(
        "a reaction, µs, all tiers, times a send",
        _share("an event", "us", "send", "reaction"),
        1.0,
    ),
    *(
        target
        for what, title in (
            ("storm, one node", "one node killed"),
            ("storm, both nodes", "both nodes killed"),
            ("storm, balancer", "both nodes killed, through the balancer"),
        )
        for target in (
            Target(f"storm, {title}, live after, s", _worst(what, "back_s"), 10),
            Target(
                f"storm, {title}, queries per 100 reconnects", _value(what, "queries_per_100"), 1
            ),
        )
    ),
    Target(
        "a thousand stuck readers, the others' p99, as a share of what is allowed "
        "(1.25 times or +3 ms)", _stuck, 1.0,
    ),
    Target("stuck readers ended with 4008, share", _ended_by_4008, 1.0, at_least=True),
    *(
        Target(f"{title}, adds", _added(what), bound, show=".1%")
        for what, title, bound in (
            ("outbox, hot by socket", "the outbox, a send by socket into one chat", 0.15),
            ("outbox, spread by socket", "the outbox, a send by socket into 200 chats", 0.15),
            ("telling, spread by socket", "metrics and logs, a send by socket", 0.03),
            ("telling, spread by rest", "metrics and logs, a send by REST", 0.03),
            ("telling, F4 flat out", "metrics and logs, a delivery", 0.03),
        )
    ),
)  # fmt: skip


def judge_targets(rows: Rows) -> list[Verdict]:
    """One verdict for each target that this run measured, in order."""
    found = ((target, target.measure(rows)) for target in TARGETS)
    return [Verdict(target, value) for target, value in found if value is not None]


def count_targets(verdicts: list[Verdict]) -> str:
    """The sentence that sums them up."""
    return _count(sum(not verdict.met for verdict in verdicts), len(verdicts))


def _count(missed: int, total: int) -> str:
    return f"{missed} of {total} targets MISSED" if missed else f"all {total} targets met"


def describe_targets(verdicts: list[Verdict], before: str = "") -> list[str]:
    """A table of all, and how many were missed. `before` is the previous section, which provides
    the verdicts of targets not measured now."""
    lines = {
        line.split(" | ")[0].removeprefix("| "): line
        for line in before.splitlines()
        if line.startswith("| ") and " | " in line
    }
    for target, value in verdicts:
        sign, show = "≥" if target.at_least else "≤", target.show
        word = "met" if Verdict(target, value).met else "**MISSED**"
        lines[target.title] = (
            f"| {target.title} | {value:{show}} | {sign} {target.bound:{show}} | {word} |"
        )
    table = [lines[target.title] for target in TARGETS if target.title in lines]
    if not table:
        return []
    missed = sum("**MISSED**" in line for line in table)
    return [
        f"## {SECTION}",
        "",
        f"In the runs of the sections below: {_count(missed, len(table))}. Why some are out of "
        "reach: the decisions on [sends](decisions/sends.md) and [others](decisions/targets.md).",
        "",
        "| target | measured | asked for | |",
        "| --- | ---: | ---: | --- |",
        *table,
        "",
    ]
