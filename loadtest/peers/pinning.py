"""The gain of a second core for each tier: its processes alternately on one core and on both.

There are two replicas of each service, so that a second core can do something. Everything else,
the load included, runs on both cores at any time: two cores do not show what four would carry. What
is compared is how many sends are answered, and the tier's own CPU for one.
"""

from collections.abc import Iterator
from typing import Final

from loadtest.peers.hubbub import Hubbub, running_hubbub
from loadtest.peers.machine import CLIENT_CORE, SERVER_CORE, Found
from loadtest.peers.people import People
from loadtest.peers.sending import SATURATING, Sending, make_audiences

TWO_OF_EACH: Final = "edge=2,realtime=2,users=2,chats=2"
PINNED: Final = ("edge", "realtime", "chats", "postgres", "valkey", "balancer")
ONE_THREAD: Final = ("valkey",)
WAYS: Final = ("rest", "socket")
ONE: Final = frozenset({SERVER_CORE})
BOTH: Final = frozenset({SERVER_CORE, CLIENT_CORE})
CORES: Final = {"one core": ONE, "two cores": BOTH}


def measure_pinning(rounds: int, seconds: float, patience: float) -> Iterator[
    tuple[str, str, int, Found]
]:  # fmt: skip
    """Yields what was done by which tier, on how many cores, the round, and what it took; `own_us`
    is the tier's own CPU for a send, `busy` how much of a core it used."""
    with running_hubbub(TWO_OF_EACH) as hubbub:
        sending = Sending(hubbub, make_audiences(People(hubbub.port))["spread"], seconds, patience)
        for way in WAYS:
            for tier in PINNED:
                for round_ in range(rounds):
                    for cores in list(CORES)[:: 1 if round_ % 2 == 0 else -1]:
                        found = _measure(hubbub, sending, way, tier, CORES[cores])
                        yield f"pinned {tier}, {way}", cores, round_, found


def _measure(hubbub: Hubbub, sending: Sending, way: str, tier: str, cores: frozenset[int]) -> Found:
    hubbub.pin(tier, set(cores))
    try:
        found = sending.by(way, SATURATING)
    finally:
        hubbub.pin(tier, set(BOTH))
    return {
        **found,
        "own_us": found["us_by_tier"][tier],
        "busy": found["cpu"][tier] / found["seconds"],
    }
