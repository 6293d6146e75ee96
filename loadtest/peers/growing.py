"""How cost grows with members, connections and chats: the same work at sizes that differ by powers
of ten.

Each part starts a separate Hubbub, so that none is affected by another.
"""

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final

from loadtest.peers.connecting import measure_memory
from loadtest.peers.hubbub import ONE_OF_EACH, Hubbub, running_hubbub
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import SOCKET_OPTIONS, People, Person
from loadtest.peers.relaying import Bus, Case, HubbubRun, Pace, PeerRun
from loadtest.peers.sending import SATURATING, Audience, Sending
from loadtest.peers.servers import start_valkey
from loadtest.peers.sockets import Sockets
from loadtest.peers.stock import Stock

PACE: Final = Pace(3.0, 1.0, 2)
MEMBERS: Final = (10, 100, 1_000, 10_000)
DELIVERIES_A_SECOND: Final = 50_000  # of one chat: half of a node's capacity one by one
SENDS_A_SECOND: Final = 200  # few enough that none waits for another
SENDERS: Final = 8
CONNECTIONS: Final = (1_000, 4_000, 15_000)
CHATS: Final = (1, 100, 10_000, 100_000)
PEOPLE_OF_CHATS: Final = 1_000
CHATS_A_USER: Final = {10: 100, 100: 100, 1_000: 30}  # and how many pairs of users
SEED: Final = 6

Measured = Iterator[tuple[str, Found]]  # what it is, and its figures, `size` among them


def fresh_hubbub(valkey: int | None = None) -> AbstractContextManager[Hubbub]:
    """One process of each role, gone with its data at the end."""
    return running_hubbub(ONE_OF_EACH, valkey)


def measure_relay() -> Measured:
    """The realtime process alone: a chat's members, events straight from the bus; beside it the
    floor, which does nothing but write: what sockets cost the kernel grows for both."""
    valkey, port = start_valkey()
    try:
        with fresh_hubbub(port) as hubbub, hubbub.pinned():
            people, bus = People(hubbub.port), Bus(port, valkey.pid)
            for members in MEMBERS:
                rate = min(1_000, DELIVERIES_A_SECOND / members)
                case = Case(1, members, rate, 1, 4, f"1 x {members}")
                run = HubbubRun(hubbub, people, case, bus)
                try:
                    yield "relay, one by one", {"size": members, **run.run.fixed(PACE)}
                    yield "relay, flat out", {"size": members, **run.run.fast(PACE)}
                finally:
                    run.stop()
                floor = PeerRun("floor", case, bus)
                try:
                    yield "floor, one by one", {"size": members, **floor.run.fixed(PACE)}
                finally:
                    floor.stop()
    finally:
        valkey.stop()


def measure_members() -> Measured:
    """The whole way: posts by REST to a chat's members, all of whom listen."""
    with fresh_hubbub() as hubbub:
        people = People(hubbub.port)
        crowd = people.sign_up(max(MEMBERS))
        meter = Meter.at_rest(hubbub)
        for members in MEMBERS:
            group = crowd[:members]
            (chat,) = people.make_chats([group])
            audience = Audience(
                [(_posts_to(chat), person.token) for person in group[:SENDERS]],
                [person.socket() for person in group],
                members,
            )
            rate = min(SENDS_A_SECOND, DELIVERIES_A_SECOND / members)
            found = sent(meter, hubbub, audience, 32, rate)
            yield "members", {"size": members, "us_a_delivery": found["us"] / members, **found}


def measure_connections() -> Measured:
    """Memory of idle sockets, each number in a process that never had more."""
    for count in CONNECTIONS:
        with fresh_hubbub() as hubbub:
            found = measure_memory(hubbub, People(hubbub.port), count)
            yield "connections", {"size": count, "mb": found["kb"] * count / 1000, **found}


def measure_chats() -> Measured:
    """Sends by REST, spread at random over so many chats of two, all of whom listen."""
    with fresh_hubbub() as hubbub:
        people = People(hubbub.port).sign_up(PEOPLE_OF_CHATS)
        pairs = pair_up(people, max(CHATS))
        stock, chats = Stock(hubbub), list[str]()
        try:
            meter = Meter.at_rest(hubbub)
            for count in CHATS:
                chats += stock.add_chats(pairs[len(chats) : count])
                stock.settle()
                audience = pairs_audience(chats, pairs)
                found = sent(meter, hubbub, audience, SATURATING, 0)
                yield "chats, flat out", {"size": count, **found}
                found = sent(meter, hubbub, audience, 32, SENDS_A_SECOND)
                yield "chats, 200 a second", {"size": count, **found}
        finally:
            stock.close()


def measure_ready() -> Measured:
    """From the connection to `ready`, one socket after the other, for people in so many chats:
    first those whose chats nobody hears yet, then the other one of each chat."""
    with fresh_hubbub() as hubbub:
        stock, meter = Stock(hubbub), Meter.at_rest(hubbub)
        try:
            for count, pairs in CHATS_A_USER.items():
                people = People(hubbub.port).sign_up(2 * pairs)
                first, second = people[:pairs], people[pairs:]
                together = list(zip(first, second, strict=True))
                stock.add_chats([pair for pair in together for _ in range(count)])
                stock.settle()
                opened, found = _connect(hubbub, meter, first)
                try:
                    yield "ready, first in their chats", {"size": count, **found}
                    joined, found = _connect(hubbub, meter, second)
                    joined.stop()
                    yield "ready, chats heard already", {"size": count, **found}
                finally:
                    opened.stop()
        finally:
            stock.close()


def pair_up(people: list[Person], count: int) -> list[list[Person]]:
    """So many pairs, no two alike, everybody in about as many."""
    n = len(people)
    return [[people[i % n], people[(i + 1 + i // n) % n]] for i in range(count)]


def pairs_audience(chats: list[str], pairs: list[list[Person]]) -> Audience:
    """All who are in the chats; the first one of each sends, in random order of chats."""
    used = list(zip(chats, pairs, strict=False))
    random.Random(SEED).shuffle(used)  # noqa: S311 - no secret
    listeners = dict.fromkeys(person for _, pair in used for person in pair)
    targets = [(_posts_to(chat), pair[0].token) for chat, pair in used]
    return Audience(targets, [person.socket() for person in listeners], 2, hears_one=len(used) == 1)


def _posts_to(chat: str) -> str:
    return f"/api/chat/{chat}/message"


def sent(meter: Meter, hubbub: Hubbub, audience: Audience, in_flight: int, rate: float) -> Found:
    """Sends by REST; `us` is what each cost over all tiers."""
    found = Sending(hubbub, audience, PACE.seconds, PACE.patience).by("rest", in_flight, rate)
    sends = max(1.0, found["acknowledged_per_s"] * found["seconds"])
    return {**found, **by_tier(meter.net(found["cpu"], found["seconds"]), sends)}


def _connect(hubbub: Hubbub, meter: Meter, people: list[Person]) -> tuple[Sockets, Found]:
    """Open sockets, and what it took to make them ready."""
    since = meter.start()
    plan = [person.socket() for person in people]
    options = [*SOCKET_OPTIONS, "--handshakes", 1]
    sockets = Sockets(hubbub.ports("realtime"), plan, options, core=None)
    found = meter.stop(since, sockets.process.pid)
    ready = sockets.ready
    return sockets, {
        **found,
        **by_tier(found["cpu"], len(people)),
        **{key: ready[key] for key in ("p50_ms", "p99_ms", "failed")},
    }
