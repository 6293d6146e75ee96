"""A thousand readers that never read, together with a thousand that do, at half of the node's load.

They are in the same chats, so all that they do not read is written for them too. Until the kernel's
buffers are full they are like twice as many who read, which is full load; so each round measures
the others without them, and with them from then on, until all have been ended.

Half of the load is the rate at which the node uses half of its core. Half of what it delivers flat
out would be all of it: flat out, events pile up, are joined, and cost half of what they do alone.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Self

from loadtest.peers.build import say
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found
from loadtest.peers.people import SOCKET_OPTIONS, People
from loadtest.peers.relaying import Bus, Case, HubbubRun, Pace
from loadtest.peers.samples import read_counts
from loadtest.peers.sockets import Sockets

# Events so long that a stuck reader has reached its bound (4008) before a ping that it leaves
# unanswered could find it dead (4006): the first one may come with the connection, and 10 s later.
CASE: Final = Case(100, 10, 0, 1, 400, "100 x 10, events of 4,800 bytes", 4_800)
CALIBRATION_SECONDS: Final = 4.0
WARM_SECONDS: Final = 2.5  # they are full by then, and what the others had to wait for has arrived
WITHOUT_SECONDS: Final = 8.0
WITH_SECONDS: Final = 14.0
ENDING_SECONDS: Final = 30.0  # the node waits for an answer to its close, then aborts
SAMPLE_SECONDS: Final = 0.5

Note = Callable[[str, str, int, Found], None]


class Peak:
    """The most memory (PSS, kB) that the nodes had while the block ran."""

    def __init__(self, hubbub: Hubbub) -> None:
        self._hubbub = hubbub
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self.before = self.kb = hubbub.pss_kb("realtime")

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.kb = max(self.kb, self._hubbub.pss_kb("realtime"))


def measure_stuck_readers(hubbub: Hubbub, bus: Bus, rounds: int, pace: Pace, note: Note) -> None:
    """The node alone on its core, as in the fan-out cases."""
    with hubbub.pinned():
        made = HubbubRun(hubbub, People(hubbub.port), CASE, bus)
        try:
            full = made.run.fast(pace)
            note("full load", "hubbub", 0, full)
            half = _half_load(made, full["deliveries_per_s"] / CASE.members, pace)
            for round_ in range(rounds):
                calm = made.run.at(half, Pace(WITHOUT_SECONDS, pace.patience, 1, WARM_SECONDS))
                note("stuck readers", "without", round_, calm)
                note("stuck readers", "with", round_, _with_stuck(hubbub, made, half, pace))
        finally:
            made.stop()


def _half_load(made: HubbubRun, flat_out: float, pace: Pace) -> float:
    """Events a second, one by one. `flat_out` is how many there are at the most."""
    rate = flat_out / 4
    found = made.run.at(rate, Pace(CALIBRATION_SECONDS, pace.patience, 1, WARM_SECONDS))
    return rate * 0.5 / float(found["server_core"])


def _with_stuck(hubbub: Hubbub, made: HubbubRun, rate: float, pace: Pace) -> Found:
    ended = _ends(hubbub)
    with Peak(hubbub) as peak:
        stuck = Sockets(hubbub.ports("realtime"), made.plan, [*SOCKET_OPTIONS, "--stuck"])
        try:
            found = made.run.at(rate, Pace(WITH_SECONDS, pace.patience, 1, WARM_SECONDS))
            end = time.monotonic() + ENDING_SECONDS
            while sum((_ends(hubbub) - ended).values()) < len(made.plan):
                if time.monotonic() > end:
                    break  # reports the rest as it is
                time.sleep(0.5)
        finally:
            stuck.stop()
    ends = dict(_ends(hubbub) - ended)
    say(f"  ends by code {ends}, memory {peak.before} kB, at most {peak.kb} kB")
    return {
        **found,
        "ends": ends,
        "not_ended": max(0, len(made.plan) - sum(ends.values())),
        "grown_mb": (peak.kb - peak.before) / 1024,
    }


def _ends(hubbub: Hubbub) -> Counter[str]:
    return read_counts(hubbub, "realtime", "hubbub_realtime_ends_total", "code")
