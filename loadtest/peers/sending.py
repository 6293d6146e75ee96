"""Durable sends through the whole system, by REST and by socket: rate, latency, CPU by tier.

What was acknowledged is counted against what arrived, and the order of arrival is checked.
"""

import time
from dataclasses import dataclass
from typing import Final

from loadtest.peers.hubbub import Hubbub, spent
from loadtest.peers.machine import Found, cpu_seconds, machine_busy_seconds, wait_for_quiet
from loadtest.peers.people import SOCKET_OPTIONS, People, Person
from loadtest.peers.samples import read_count
from loadtest.peers.sockets import Posts, Sockets

HOT_MEMBERS: Final = 8
SPREAD_CHATS: Final = 200
TEXT_BYTES: Final = 60
WARM_SECONDS: Final = 1.0
SATURATING: Final = 128  # sends in flight: what a send costs at the limit
AT_THE_LIMIT: Final = (SATURATING, 256, 512)  # the more, the larger batches are
BELOW_IT: Final = (4, 32)
CATCH_UP_SECONDS: Final = 180.0
TICK_SECONDS: Final = 0.1
UNORDERED: Final = ("--counter", "no counter")


@dataclass(frozen=True)
class Audience:
    """Senders with their chats, and the plan of the listeners; `listeners` sockets in each chat.
    Order is checked where each socket hears one chat; else only that all arrives."""

    targets: list[tuple[str, str]]
    plan: list[str]
    listeners: int
    hears_one: bool = True


def make_audiences(people: People) -> dict[str, Audience]:
    """`hot`: one chat of 8 who all send. `spread`: 200 chats of 2."""
    crowd = people.sign_up(HOT_MEMBERS + 2 * SPREAD_CHATS)
    hot, rest = crowd[:HOT_MEMBERS], crowd[HOT_MEMBERS:]
    pairs = [rest[i : i + 2] for i in range(0, len(rest), 2)]
    hot_chat, *pair_chats = people.make_chats([hot, *pairs])

    def audience(chats: list[tuple[str, list[Person]]], senders: int) -> Audience:
        return Audience(
            [(f"/api/chat/{c}/message", p.token) for c, group in chats for p in group[:senders]],
            [person.socket(chat) for chat, group in chats for person in group],
            len(chats[0][1]),
        )

    return {
        "hot": audience([(hot_chat, hot)], HOT_MEMBERS),
        "spread": audience(list(zip(pair_chats, pairs, strict=True)), 1),
    }


@dataclass(frozen=True)
class Sending:
    """How an audience's sends are measured; `seconds` each, a little `patience` before, once the
    search index has all that was sent so far."""

    hubbub: Hubbub
    audience: Audience
    seconds: float
    patience: float

    def by(self, way: str, in_flight: int, rate: float = 0) -> Found:
        """`rate` a second in open loop, or `in_flight` unanswered at any time."""
        options = [*SOCKET_OPTIONS, *([] if self.audience.hears_one else UNORDERED)]
        sockets = Sockets(self.hubbub.ports("realtime"), self.audience.plan, options, core=None)
        try:
            wait_for_index(self.hubbub)
            wait_for_quiet(self.patience)
            if way == "rest":
                return self._by_rest(sockets, in_flight, rate)
            return self._by_socket(sockets, in_flight, rate)
        finally:
            sockets.stop()

    def _by_rest(self, sockets: Sockets, in_flight: int, rate: float) -> Found:
        total = sockets.drain()["total"]
        posts = Posts(
            [self.hubbub.port], self.audience.targets,
            "--warm", WARM_SECONDS, "--seconds", self.seconds + 0.3,
            "--connections", in_flight, "--size", TEXT_BYTES,
            *(["--rate", rate] if rate else []),
        )  # fmt: skip
        try:
            posts.read()
            found = self._window(sockets, [sockets.process.pid, posts.process.pid])
            sent = posts.read()
        finally:
            posts.stop()
        expected = sent["acknowledged_in_all"] * self.audience.listeners
        arrived = sockets.drain()["total"] - total
        sends = max(1.0, sent["acknowledged_per_s"] * found["seconds"])
        return {
            **found,
            **_costs(found["cpu"], sends),
            "acknowledged_per_s": sent["acknowledged_per_s"],
            "answer_p50_ms": sent["p50_ms"],
            "answer_p99_ms": sent["p99_ms"],
            "undelivered": max(0, expected - arrived),
            "broken": sent["broken"],
            "behind": sent["behind"],
            "refused": sum(n for status, n in sent["statuses"].items() if status[0] != "2"),
        }

    def _by_socket(self, sockets: Sockets, in_flight: int, rate: float) -> Found:
        pace = f"rate {rate}" if rate else f"window {in_flight}"
        sockets.tell(f"send {pace} {TEXT_BYTES}")
        time.sleep(WARM_SECONDS)
        found = self._window(sockets, [sockets.process.pid])
        sockets.tell("stop")
        last = sockets.drain()
        answered = max(1, found["seen"]["answered"])
        expected = last["total_answered"] * self.audience.listeners
        return {
            **found,
            **_costs(found["cpu"], answered),
            "acknowledged_per_s": answered / found["seconds"],
            "answer_p50_ms": found["seen"]["answer"]["p50_ms"],
            "answer_p99_ms": found["seen"]["answer"]["p99_ms"],
            "undelivered": max(0, expected - last["total"]),
            "refused": found["seen"]["refused"],
            "unsent": found["seen"]["unsent"],
        }

    def _window(self, sockets: Sockets, clients: list[int]) -> Found:
        sockets.tell("reset")
        since, busy, cpu = time.monotonic(), machine_busy_seconds(), self.hubbub.cpu()
        own = sum(map(cpu_seconds, clients))
        time.sleep(self.seconds)
        cpu = spent(cpu, self.hubbub.cpu())
        own = sum(map(cpu_seconds, clients)) - own
        took, busy = time.monotonic() - since, machine_busy_seconds() - busy
        seen = sockets.report()
        return {
            "seconds": took,
            "cpu": cpu,
            "seen": seen,
            "server_cores": sum(cpu.values()) / took,
            "client_core": own / took,
            "others_cores": max(0.0, (busy - sum(cpu.values()) - own) / took),
            **{key: seen[key] for key in ("p50_ms", "p99_ms", "lost", "swapped", "closed")},
        }


def wait_for_index(hubbub: Hubbub) -> None:
    """Until no chat has a message that search does not find. Raises RuntimeError when that takes
    minutes."""
    end = time.monotonic() + CATCH_UP_SECONDS
    while read_count(hubbub, "chats", "hubbub_chats_search_behind_chats"):
        if time.monotonic() > end:
            raise RuntimeError("the search index does not catch up")
        time.sleep(TICK_SECONDS)


def _costs(cpu: dict[str, float], sends: float) -> Found:
    by_tier = {role: seconds / sends * 1e6 for role, seconds in cpu.items()}
    return {"us_by_tier": by_tier, "us_a_send": sum(by_tier.values())}
