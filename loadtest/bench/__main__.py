"""`make bench`: fan-out, memory, connects and sends, compared with the peers, on this machine, in
one run.

Prints the table, writes it with plots to docs/benchmarks.md, and every single measurement to
.build/peers/results.jsonl. `--full` has every case and peer, and growth; `--only` some parts, and
rewrites only their sections.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from loadtest.bench.commit import COMMITS_A_SECOND, bare_commits, measure_bare_commit
from loadtest.bench.drawing import WAYS
from loadtest.bench.growth import GROWTH_WHATS, print_growth, write_growth
from loadtest.bench.report import print_table, write_report
from loadtest.peers.balancing import Balancing, bare_haproxy, own_balancer
from loadtest.peers.build import BUILD, NotBuilt, build, say
from loadtest.peers.changing import measure_changes
from loadtest.peers.connecting import (
    measure_connects,
    measure_floor,
    measure_memory,
    plan_many_sockets,
)
from loadtest.peers.costing import SWITCHES, Costs
from loadtest.peers.earlier import EARLIER, measure_beside_earlier
from loadtest.peers.figures import Rows
from loadtest.peers.finding import measure_finding
from loadtest.peers.growth import GROWTH
from loadtest.peers.hopping import AT_ITS_HALF, Floor, running_floor
from loadtest.peers.hubbub import ONE_OF_EACH, Hubbub, running_hubbub
from loadtest.peers.listing import measure_listing
from loadtest.peers.machine import Found, wait_for_quiet
from loadtest.peers.marking import measure_marking
from loadtest.peers.people import People
from loadtest.peers.pinning import measure_pinning
from loadtest.peers.products import measure_products
from loadtest.peers.relaying import CASES, Bus, HubbubRun, Pace, PeerRun, measure_idle
from loadtest.peers.resting import measure_rest
from loadtest.peers.sending import AT_THE_LIMIT, BELOW_IT, SATURATING, Sending, make_audiences
from loadtest.peers.servers import PEERS, start_valkey
from loadtest.peers.storming import TWO_NODES, Storms
from loadtest.peers.stuck import measure_stuck_readers
from loadtest.peers.viewing import VIEWS, measure_views

IDLE_SOCKETS: Final = 8_000
CONNECTS_AT_ONCE: Final = 10_000
BALANCED_CONNECTS: Final = 5_000  # two descriptors each in the balancer
STORM_ROUNDS: Final = 3
RESULTS: Final = BUILD / "results.jsonl"


@dataclass(frozen=True)
class Plan:
    """What one run measures; `servers` are the peers to compare, `growth` names of GROWTH."""

    servers: Sequence[str]
    cases: Sequence[str]
    growth: Sequence[str]
    rounds: int
    pace: Pace
    parts: frozenset[str]
    messages: int  # to search among, and for lists of chats


USUAL_PARTS: Final = frozenset(
    {"memory", "fanout", "connects", "sends", "low-load", "changes", "balancer", "rest"}
)
PARTS: Final = USUAL_PARTS | frozenset(
    {
        "earlier", "growth", "search", "list", "read-markers", "products", "reads", "pinned",
        "storms", "stuck", "costs", "feeding",
    }
)  # fmt: skip
WITH_PEERS: Final = frozenset({"memory", "fanout", "connects"})
QUICK: Final = Plan(
    ("centrifuge", "floor"), ("F1", "F2", "F3", "F4"), tuple(GROWTH), 3, Pace(1.5, 1.0, 1),
    USUAL_PARTS, 5_000_000,
)  # fmt: skip
FULL: Final = Plan(
    tuple(PEERS), tuple(CASES), tuple(GROWTH), 5, Pace(3.0, 1.0, 2), PARTS, 5_000_000,
)  # fmt: skip


class Bench:
    """One run: prints rows as they are measured, and writes them to the file."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows = Rows()
        self.servers, self.left_out = build(plan.servers)
        self.part = ""  # that is being measured
        RESULTS.unlink(missing_ok=True)

    def has(self, part: str) -> bool:
        """Whether the part is wanted; if so, following rows belong to it."""
        if part in self.plan.parts:
            self.part = part
        return part in self.plan.parts

    def note(self, what: str, server: str, round_: int, found: Found) -> None:
        row = {"part": self.part, "what": what, "server": server, "round": round_, **found}
        self.rows.rows.append(row)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        shown = (
            "size", "us", "deliveries_per_s", "p50_ms", "p99_ms", "kb", "connect_us", "ready_s",
            "acknowledged_per_s", "us_a_send", "request_us", "delivery_us", "others_cores",
            "back_s", "tried_again", "reconnect_us", "queries_per_100", "grown_mb",
            "index_mb", "p95_ms", "rebuilt_s", "hot_share", "undelivered", "commands",
            "commands_per_s", "requests_per_s", "mb", "core_percent",
        )  # fmt: skip
        figures = (f"{key} {found[key]:,.2f}" for key in shown if key in found)
        say(f"{what:22} {server:11}", "  ".join(figures))

    def rounds(self) -> Iterator[tuple[int, str]]:
        """A B C, then C B A: drift over the run affects all equally."""
        names = ["hubbub", *self.servers]
        for round_ in range(self.plan.rounds):
            for name in names if round_ % 2 == 0 else names[::-1]:
                yield round_, name

    def measure_fan_out(self, hubbub: Hubbub, bus: Bus) -> None:
        people = People(hubbub.port)
        with hubbub.pinned():
            for case in self.plan.cases:
                for round_, name in self.rounds():
                    made = (
                        HubbubRun(hubbub, people, CASES[case], bus)
                        if name == "hubbub"
                        else PeerRun(name, CASES[case], bus)
                    )
                    try:
                        pace = self.plan.pace
                        self.note(f"{case} fixed", name, round_, made.run.fixed(pace))
                        self.note(f"{case} fast", name, round_, made.run.fast(pace))
                    finally:
                        made.stop()

    def measure_memory(self, hubbub: Hubbub, bus: Bus) -> None:
        people = People(hubbub.port)
        self.note("idle", "hubbub", 0, measure_memory(hubbub, people, IDLE_SOCKETS))
        for name in filter(self._is_whole, self.servers):
            self.note("idle", name, 0, measure_idle(name, bus, IDLE_SOCKETS, frugal=True))

    def measure_connects(self, hubbub: Hubbub, bus: Bus) -> None:
        plan = plan_many_sockets(People(hubbub.port), CONNECTS_AT_ONCE)
        for round_, name in self.rounds():
            wait_for_quiet(self.plan.pace.patience)
            if name == "hubbub":
                self.note("connects", name, round_, measure_connects(hubbub, plan))
                self.note("connects", "python floor", round_, measure_floor(plan))
            elif self._is_whole(name):
                found = measure_idle(name, bus, CONNECTS_AT_ONCE, handshakes=CONNECTS_AT_ONCE)
                self.note("connects", name, round_, found)
        public = measure_connects(hubbub, plan[:BALANCED_CONNECTS], public=True)
        self.note("connects, balanced", "hubbub", 0, public)

    def measure_balancer(self, hubbub: Hubbub) -> None:
        balancing = Balancing(hubbub, self.plan.pace.seconds, self.plan.pace.patience)
        with bare_haproxy(hubbub) as bare:
            proxies = {"hubbub": own_balancer(hubbub), "bare haproxy": bare}
            for name, proxy in proxies.items():
                self.note("balancer, idle", name, 0, balancing.measure_memory(proxy))
            for round_ in range(self.plan.rounds):
                for name, found in balancing.measure(proxies).items():
                    self.note("balancer", name, round_, found)

    def measure_sends(self, hubbub: Hubbub, bus: Bus) -> None:
        seconds, patience = self.plan.pace.seconds * 2, self.plan.pace.patience
        audiences = make_audiences(People(hubbub.port))
        with (
            bare_commits(hubbub.data) as chats,
            running_floor(hubbub, chats.url, bus) as floor,
        ):
            for layout, audience in audiences.items():
                sending = Sending(hubbub, audience, seconds, patience)
                for way in WAYS:
                    best = self._measure_most(sending, layout, way)
                    beside = floor if layout == "spread" else None
                    self._measure_half(sending, beside, f"{layout} {way} half", way, best / 2)

    def _measure_most(self, sending: Sending, layout: str, way: str) -> float:
        """The best rate of all, in sends a second."""
        best = 0.0
        for in_flight in (*BELOW_IT, *AT_THE_LIMIT):
            for round_ in range(self.plan.rounds if in_flight in AT_THE_LIMIT else 1):
                found = sending.by(way, in_flight)
                best = max(best, found["acknowledged_per_s"])
                self.note(f"{layout} {way} {in_flight}", "hubbub", round_, found)
        return best

    def _measure_half(
        self, sending: Sending, floor: Floor | None, what: str, way: str, rate: float
    ) -> None:
        """Hubbub at half of its most; then the floor at the same rate, and at half of its own
        most. A single stall determines a p99, so in several rounds."""
        pace, rounds = (sending.seconds, sending.patience), range(self.plan.rounds)
        measures = {"hubbub": partial(sending.by, way, SATURATING, rate)}
        if floor is not None:
            most = [floor.measure(way, AT_THE_LIMIT[-1], *pace) for _ in rounds]
            own = max(found["delivered_per_s"] for found in most)
            measures["floor"] = partial(floor.measure, way, SATURATING, *pace, rate)
            measures[AT_ITS_HALF] = partial(floor.measure, way, SATURATING, *pace, own / 2)
        for round_ in rounds:
            for server, measure in measures.items():
                self.note(what, server, round_, measure())

    def measure_low_load(self, hubbub: Hubbub, bus: Bus) -> None:
        seconds, patience = self.plan.pace.seconds * 2, self.plan.pace.patience
        sending = Sending(hubbub, make_audiences(People(hubbub.port))["spread"], seconds, patience)
        for way in WAYS:  # as users with existing chats
            sending.by(way, 32)
        with (
            bare_commits(hubbub.data) as chats,
            running_floor(hubbub, chats.url, bus) as floor,
        ):
            for round_ in range(self.plan.rounds):
                bare = measure_bare_commit(chats, seconds=seconds)
                self.note("low load", "bare commit", round_, bare)
                for way in WAYS:
                    found = floor.measure(way, 4, seconds, patience, COMMITS_A_SECOND)
                    self.note("low load", f"floor by {way}", round_, found)
                    found = sending.by(way, 4, rate=COMMITS_A_SECOND)
                    self.note("low load", f"hubbub by {way}", round_, found)

    def measure_growth(self) -> None:
        for name in self.plan.growth:
            for what, found in GROWTH[name]():
                self.note(what, "hubbub", 0, found)

    def measure_products(self) -> None:
        able, left_out = build(["synapse"])
        self.left_out.update(left_out)
        if able:
            for note in measure_products(self.plan.rounds, self.plan.pace.seconds * 2):
                self.note(*note)

    def measure_beside_earlier(self) -> None:
        pace = self.plan.pace
        try:
            for note in measure_beside_earlier(self.plan.rounds, pace.seconds, pace.patience):
                self.note(*note)
        except NotBuilt as why:
            self.left_out[EARLIER] = str(why)
            say(f"left out {EARLIER}: {why}")

    def _is_whole(self, name: str) -> bool:
        return PEERS[name].whole


def run(plan: Plan) -> Bench:
    """Measures everything; one Hubbub for comparisons of single processes, then a fresh one."""
    bench = Bench(plan)
    valkey, port = start_valkey()
    bus = Bus(port, valkey.pid)
    try:
        if {"memory", "fanout", "stuck"} & plan.parts:
            with running_hubbub(ONE_OF_EACH, port) as hubbub:
                if bench.has("memory"):  # first, since freed memory is not returned to the system
                    bench.measure_memory(hubbub, bus)
                if bench.has("fanout"):
                    bench.measure_fan_out(hubbub, bus)
                if bench.has("stuck"):
                    measure_stuck_readers(hubbub, bus, plan.rounds, plan.pace, bench.note)
        if {"connects", "sends", "low-load", "changes", "balancer"} & plan.parts:
            with running_hubbub(ONE_OF_EACH) as hubbub:
                if bench.has("balancer"):  # first, since its memory is not returned either
                    bench.measure_balancer(hubbub)
                if bench.has("connects"):
                    bench.measure_connects(hubbub, bus)
                if bench.has("sends"):
                    bench.measure_sends(hubbub, bus)
                if bench.has("low-load"):
                    bench.measure_low_load(hubbub, bus)
                if bench.has("changes"):
                    measure_changes(hubbub, bench.note, plan.rounds, plan.pace.seconds * 2)
        if bench.has("storms"):
            with running_hubbub(TWO_NODES) as hubbub:
                Storms(hubbub, bench.note).measure(STORM_ROUNDS)
        if bench.has("costs"):
            with running_hubbub(ONE_OF_EACH, port, **SWITCHES) as hubbub:
                Costs(hubbub, bus, plan.rounds, plan.pace, bench.note).measure()
        if bench.has("feeding"):
            with running_hubbub(ONE_OF_EACH, port, **SWITCHES) as hubbub:
                Costs(hubbub, bus, plan.rounds, plan.pace, bench.note).measure_feeding()
    finally:
        valkey.stop()
    if bench.has("rest"):
        for what, found in measure_rest(plan.pace.patience):
            bench.note(what, "hubbub", 0, found)
    if bench.has("earlier"):
        bench.measure_beside_earlier()
    if bench.has("search"):
        for what, found in measure_finding(plan.messages):
            bench.note(what, "hubbub", 0, found)
    if bench.has("list"):
        for what, found in measure_listing(plan.messages):
            bench.note(what, "hubbub", 0, found)
    if bench.has("read-markers"):
        for what, found in measure_marking():
            bench.note(what, "hubbub", 0, found)
    if bench.has("reads"):
        for what, round_, found in measure_views(VIEWS, plan.rounds, plan.pace.seconds * 2):
            bench.note(what, "hubbub", round_, found)
    if bench.has("pinned"):
        for note in measure_pinning(plan.rounds, plan.pace.seconds, plan.pace.patience):
            bench.note(*note)
    if bench.has("products"):
        bench.measure_products()
    if bench.has("growth"):
        bench.measure_growth()
    return bench


def main() -> int:
    """1 if a target was missed: each is printed as such."""
    parser = argparse.ArgumentParser("python -m loadtest.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every case and peer")
    parser.add_argument("--only", default="", help="parts, of " + ",".join(sorted(PARTS)))
    parser.add_argument("--servers", help="peers, of " + ",".join(PEERS))
    parser.add_argument("--cases", default="", help="of " + ",".join([*CASES, *GROWTH]))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--messages", type=int, help="of search and list")
    parser.add_argument("--no-report", action="store_true", help="leave docs/benchmarks.md")
    asked = parser.parse_args()
    usual = FULL if asked.full else QUICK
    parts = frozenset(filter(None, asked.only.split(","))) or usual.parts
    if unknown := parts - PARTS:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    servers = usual.servers if parts & WITH_PEERS else ()
    cases = asked.cases.split(",")
    plan = Plan(
        servers if asked.servers is None else tuple(filter(None, asked.servers.split(","))),
        [case for case in cases if case in CASES] or usual.cases,
        [case for case in cases if case in GROWTH] or usual.growth,
        asked.rounds or usual.rounds,
        Pace(asked.seconds or usual.pace.seconds, usual.pace.patience, usual.pace.tries),
        parts,
        asked.messages or usual.messages,
    )
    bench = run(plan)
    peers, growth = bench.rows.split(GROWTH_WHATS)
    met = True
    if peers.rows:
        met = print_table(peers, bench.servers)
        if not asked.no_report:
            write_report(peers, bench.servers, bench.left_out)
    if growth.rows:
        met = print_growth(growth) and met
        if not asked.no_report:
            write_growth(growth)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
