"""`make soak`: whether a fresh system uses no more after waves of users than before.

First a wave of people, for one-time allocations; then an idle period, and the use of each process;
then waves while there is time; then idle again, and the comparison. An idle period is longer than
the minute for which nodes keep chats without listeners. Exits with 1 if something grew, was lost
or was never answered.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import gevent

from loadtest.footprint import Footprint, take_footprints
from loadtest.growth import Growth, compare, sum_up_rest
from loadtest.soak_picture import draw
from loadtest.system import System, running_system
from loadtest.users.figures import Tally
from loadtest.users.people import People, gathered_people

PEOPLE: Final = 60
ARRIVALS_A_SECOND: Final = 10.0
PACE_SECONDS: Final = 2.0
WAVE_SECONDS: Final = 15.0
EBB_SECONDS: Final = 3.0
REST_SECONDS: Final = 75.0
SAMPLE_SECONDS: Final = 2.3  # out of step with the canaries, which come every second
PATIENCE_SECONDS: Final = 120.0
MEASURED: Final = 4  # samples at the end of a rest
LEAST_WAVES: Final = 1
REPLICAS: Final = "edge=2,realtime=2,users=2,chats=2"  # a scaler's decisions are no leaks


class Sample(NamedTuple):
    """One moment; `at` in seconds since the start."""

    at: float
    people: int
    footprints: Mapping[str, Footprint]


class Soak:
    """One run. `samples` is its record."""

    def __init__(self, system: System, people: People) -> None:
        self._system, self._people = system, people
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    def run(self, until: float) -> tuple[list[Growth], Tally]:
        """What grew between the idle periods, and the sum of all waves."""
        watching = gevent.spawn(self._watch)
        total = self._wave()
        before = self._rest()
        waves = 0
        while waves < LEAST_WAVES or time.monotonic() < until - REST_SECONDS:
            total = total.plus(self._wave())
            waves += 1
        after = self._rest()
        watching.kill()
        return compare(before, after), total

    def _wave(self) -> Tally:
        """People come, half of them are replaced by others, all go. Raises TimeoutError."""
        for number, seconds in ((PEOPLE, WAVE_SECONDS), (PEOPLE // 2, EBB_SECONDS),
                                (PEOPLE, WAVE_SECONDS)):  # fmt: skip
            if not self._people.become(number, ARRIVALS_A_SECOND, PATIENCE_SECONDS):
                raise TimeoutError(f"{self._people.number} of {number} people came")
            gevent.sleep(seconds)
        tally = self._people.fall_silent()
        self._people.go_home()
        return tally

    def _rest(self) -> dict[str, Footprint]:
        gevent.sleep(REST_SECONDS)
        return sum_up_rest([sample.footprints for sample in self.samples[-MEASURED:]])

    def _watch(self) -> None:
        while True:
            footprints = take_footprints(self._system.state())
            at = time.monotonic() - self._began
            self.samples.append(Sample(at, self._people.number, footprints))
            gevent.sleep(SAMPLE_SECONDS)


def report(growths: Sequence[Growth], tally: Tally) -> bool:
    """Prints the result; returns whether nothing grew."""
    for growth in growths:
        sys.stdout.write(f"{growth}\n")
    grown = [growth for growth in growths if growth.is_too_much]
    sys.stdout.write(f"\nIn the whole run: {tally}.\n")
    if grown:
        names = ", ".join(f"{growth.of} of {growth.process}" for growth in grown)
        sys.stdout.write(f"Not flat: {names}.\n")
    else:
        sys.stdout.write("Flat: memory, descriptors, tasks, subscriptions, sockets, outbox.\n")
    return not grown and tally.is_clean and tally.answered > 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--picture", type=Path, default=Path("docs/pictures/soak.png"))
    options = parser.parse_args()
    variables = {"HUBBUB_RATE_LIMITS": "high", "HUBBUB_REPLICAS": REPLICAS}
    with (
        running_system(variables) as system,
        gathered_people(system.origin, 1, PACE_SECONDS) as people,
    ):
        soak = Soak(system, people)
        growths, tally = soak.run(time.monotonic() + options.minutes * 60)
    draw(soak.samples, options.picture)
    return 0 if report(growths, tally) else 1


if __name__ == "__main__":
    sys.exit(main())
