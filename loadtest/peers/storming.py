"""Thousands of sockets that reconnect at once after a node was killed: the time until all are live,
the cost of each, and the queries to the database of chats.

Every client has its cursors and has missed two messages. A failed connect is retried like in the
page.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from loadtest.peers.build import say
from loadtest.peers.connecting import CHAT_MEMBERS, SETTLE_SECONDS
from loadtest.peers.hubbub import Hubbub, spent
from loadtest.peers.machine import Found, cpu_seconds, machine_busy_seconds
from loadtest.peers.people import SOCKET_OPTIONS, SOCKETS_A_USER, People
from loadtest.peers.samples import read_count, read_counts
from loadtest.peers.sockets import Sockets

TWO_NODES: Final = "edge=1,realtime=2,users=1,chats=2"
DIRECT_SOCKETS: Final = 10_000
BALANCED_SOCKETS: Final = 5_000
MISSED: Final = 2
FIRST_SEQ: Final = 1  # a new chat's only event
BACK_SECONDS: Final = 120.0
IDLE_SECONDS: Final = 10.0
AFTERMATH_SECONDS: Final = 3.0  # what reconnects ask of the database later is theirs too

Note = Callable[[str, str, int, Found], None]


def plan_returning_sockets(people: People, count: int) -> list[str]:
    """20 sockets a user, in one chat of ten; the chat's last two messages they do not know."""
    crowd = people.sign_up(-(-count // SOCKETS_A_USER))
    groups = [crowd[i : i + CHAT_MEMBERS] for i in range(0, len(crowd), CHAT_MEMBERS)]
    chats = people.make_chats(groups)
    for _ in range(MISSED):
        people.send(chats, [group[0] for group in groups], "@t=0 while you were away")
    chat_of = {p: chat for chat, group in zip(chats, groups, strict=True) for p in group}
    return [
        person.socket(resume={chat_of[person]: FIRST_SEQ})
        for _ in range(SOCKETS_A_USER)
        for person in crowd
    ][:count]


class Storms:
    """What happens to one Hubbub with two nodes."""

    def __init__(self, hubbub: Hubbub, note: Note) -> None:
        self._hubbub, self._note = hubbub, note
        self._plan = plan_returning_sockets(People(hubbub.port), DIRECT_SOCKETS)
        self._idle = 0.0

    def measure(self, rounds: int) -> None:
        """Straight to the nodes: one is killed, then both are; then both behind the balancer."""
        nodes = self._hubbub.ports("realtime")
        sockets = self._open(nodes, self._plan)
        try:
            self._idle = self._idle_rate()
            for round_ in range(rounds):
                found = self._storm(sockets, killed=nodes[:1], to=nodes[1:])
                self._note("storm, one node", "hubbub", round_, found)
                found = self._storm(sockets, killed=nodes, to=nodes)
                self._note("storm, both nodes", "hubbub", round_, found)
        finally:
            sockets.stop()
        time.sleep(SETTLE_SECONDS)
        public = [self._hubbub.port]
        sockets = self._open(public, self._plan[:BALANCED_SOCKETS])
        try:
            self._idle = self._idle_rate()
            for round_ in range(rounds):
                found = self._storm(sockets, killed=nodes, to=public)
                self._note("storm, balancer", "hubbub", round_, found)
        finally:
            sockets.stop()

    def _open(self, ports: Sequence[int], plan: list[str]) -> Sockets:
        options = [*SOCKET_OPTIONS, "--handshakes", len(plan)]
        sockets = Sockets(ports, plan, options, core=None, patience=180)
        time.sleep(SETTLE_SECONDS)
        if sockets.ready["failed"]:
            sockets.stop()
            raise RuntimeError(f"not all could connect: {sockets.ready}")
        return sockets

    def _storm(self, sockets: Sockets, killed: Sequence[int], to: Sequence[int]) -> Found:
        """If one node is killed, the other takes its clients while it restarts; if both are, the
        clients dial when both are ready again."""
        hubbub, nodes = self._hubbub, self._hubbub.ports("realtime")
        alive = 0 if len(killed) == len(nodes) else len(self._plan) // 2
        since = time.monotonic()
        gone = hubbub.kill_nodes(killed)
        sockets.wait_until_alive(alive)
        if alive == 0:
            hubbub.wait_until_ready(without=gone)
        serving = [
            p.pid for p in hubbub.state().processes
            if p.role == "realtime" and (alive == 0 or p.port in to)
        ]  # fmt: skip
        asked, calls, asked_at = self._queries(), self._calls(), time.monotonic()
        cpu, nodes_cpu = hubbub.cpu(), sum(map(cpu_seconds, serving))
        client, busy = cpu_seconds(sockets.process.pid), machine_busy_seconds()
        dialled = time.monotonic()
        back = sockets.come_back(to, BACK_SECONDS)
        busy = machine_busy_seconds() - busy
        cpu, nodes_cpu = spent(cpu, hubbub.cpu()), sum(map(cpu_seconds, serving)) - nodes_cpu
        client = cpu_seconds(sockets.process.pid) - client
        others = max(0.0, busy - client - sum(cpu.values())) / back["seconds"]
        # A node that starts meanwhile is no part of what a reconnect costs.
        cpu["realtime"] = nodes_cpu
        seen = sockets.drain()
        hubbub.wait_until_ready(without=gone)
        time.sleep(AFTERMATH_SECONDS)
        idle = self._idle * (time.monotonic() - asked_at)
        asked = self._queries() - asked
        conns = back["conns"]
        by_tier = {role: seconds / conns * 1e6 for role, seconds in cpu.items()}
        called = {name: n for name, n in (self._calls() - calls).items() if n}
        queries = max(0.0, asked - idle) / conns * 100
        say(f"  {back} in all {asked} queries, idle {idle:.0f}; calls {called}")
        return {
            "sockets": conns,
            "back_s": back["seconds"],
            "outage_s": dialled - since + back["seconds"],
            "client_core": client / back["seconds"],
            "others_cores": others,
            "p50_ms": back["p50_ms"],
            "p99_ms": back["p99_ms"],
            "tried_again": back["again"],
            "failures": back["failures"],
            "first_failure": back["first_failure"],
            "us_by_tier": by_tier,
            "reconnect_us": sum(by_tier.values()),
            "queries_per_100": queries,
            "calls": called,
            "lost": seen["lost"],
            "undelivered": max(0, conns * MISSED - seen["deliveries"]),
        }

    def _calls(self) -> Counter[str]:
        return read_counts(self._hubbub, "chats", "hubbub_served_calls_total", "call")

    def _queries(self) -> int:
        """How often chats has queried its database, by its own count: PostgreSQL's statistics lag
        by up to 10 s, during which it gets as many queries as from a storm."""
        return read_count(self._hubbub, "chats", "hubbub_pool_uses_total")

    def _idle_rate(self) -> float:
        """Queries a second while all are connected and silent."""
        asked, since = self._queries(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        return (self._queries() - asked) / (time.monotonic() - since)
