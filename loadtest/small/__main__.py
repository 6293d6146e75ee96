"""`make small-soak`: 50 people who do everything on a small Hubbub that the kernel gives 512 MB.

Exits with 1 if a process was killed for lack of memory, something was lost or refused, or the
required memory grew after the first third of the time.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import gevent

from loadtest.footprint import take_footprints
from loadtest.small.limit import Limit, NoLimit, Reading, limited
from loadtest.small.person import BusyPerson
from loadtest.system import System, running_system
from loadtest.users.figures import Figures, Tally
from loadtest.users.people import gathered_people

PEOPLE: Final = 50
MOST_BYTES: Final = 512 * 2**20
ARRIVALS_A_SECOND: Final = 2.0
PACE_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 240.0
SAMPLE_SECONDS: Final = 2.0
MAX_FAILURES: Final = 0.001  # of the requests: refusals of users who were just removed
# Buffers of the database, caches and logs in memory fill up to bounds of their own.
ROOM_MB: Final = 40.0
VARIABLES: Final = {"HUBBUB_SIZE": "small", "HUBBUB_RATE_LIMITS": "high"}


class Sample(NamedTuple):
    """`by_role` is memory that is a process's alone, in MB."""

    at: float
    reading: Reading
    by_role: Mapping[str, float]


class Watch:
    """Samples, as long as it lives."""

    def __init__(self, system: System, limit: Limit) -> None:
        self._system, self._limit = system, limit
        self._began = time.monotonic()
        self.samples: list[Sample] = []
        self.take()

    def take(self) -> None:
        footprints = take_footprints(self._system.state())
        memory = {name: footprint.memory for name, footprint in footprints.items()}
        at = time.monotonic() - self._began
        self.samples.append(Sample(at, self._limit.read(), memory))

    def run(self) -> None:
        while True:
            gevent.sleep(SAMPLE_SECONDS)
            self.take()


def report(samples: Sequence[Sample], figures: Figures, tally: Tally) -> bool:
    """Prints the result; returns whether it was good."""
    needed = [sample.reading.needed for sample in samples]
    third = max(1, len(samples) // 3)
    early = statistics.median(needed[third : 2 * third] or needed)
    late = statistics.median(needed[-third:])
    last = samples[-1].reading
    sys.stdout.write(
        f"{PEOPLE} people for {samples[-1].at / 60:.1f} minutes in {MOST_BYTES / 2**20:.0f} MB:\n"
        f"needed: {needed[0]:.0f} MB at the start, {early:.0f} in the second third, {late:.0f} in "
        f"the last, {max(needed):.0f} at most; with files that can be dropped {last.peak:.0f}\n"
        f"ended for want of memory: {last.kills}\n"
        f"requests: {figures.requests}, {figures.failures} failed; deliveries: p50 "
        f"{figures.p50_ms:.0f} ms, p99 {figures.p99_ms:.0f} ms\n"
        f"in the whole run: {tally}\n"
        "memory of its own, by process, MB: "
        + ", ".join(f"{name} {mb:.0f}" for name, mb in samples[-1].by_role.items())
        + "\n"
    )
    for reason, times in sorted(figures.reasons.items()):
        sys.stdout.write(f"  failed {times} times: {reason}\n")
    faults = {
        "processes were ended": last.kills > 0,
        "memory grew": late > early + ROOM_MB,
        "something was lost or unanswered": not tally.is_clean,
        "nothing was done": not tally.answered,
        "requests failed": figures.failures > MAX_FAILURES * figures.requests,
    }
    found = [fault for fault, is_so in faults.items() if is_so]
    sys.stdout.write(f"NOT kept: {', '.join(found)}.\n" if found else "Kept.\n")
    return not found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.small")
    parser.add_argument("--minutes", type=float, default=10.0)
    seconds = parser.parse_args().minutes * 60
    try:
        with (
            limited(MOST_BYTES) as limit,
            running_system(VARIABLES, limit.prefix) as system,
            gathered_people(
                system.origin, 1, PACE_SECONDS, BusyPerson, "loadtest/small/person.py"
            ) as people,
        ):
            watch = Watch(system, limit)
            watching = gevent.spawn(watch.run)
            if not people.become(PEOPLE, ARRIVALS_A_SECOND, PATIENCE_SECONDS):
                raise TimeoutError(f"{people.number} of {PEOPLE} people came")
            gevent.sleep(max(0.0, seconds - watch.samples[-1].at))
            tally, figures = people.fall_silent(), people.figures()
            watching.kill()
            watch.take()
            people.go_home()
    except NoLimit as error:
        sys.stderr.write(f"This machine bounds no memory (root and cgroups do): {error}\n")
        return 1
    return 0 if report(watch.samples, figures, tally) else 1


if __name__ == "__main__":
    sys.exit(main())
