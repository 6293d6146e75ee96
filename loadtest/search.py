"""`make search`: how many simulated users a fresh system sustains before an objective breaks.

Raises the number of people step by step and prints "N people at the objective", and what failed
first. The people act in an open loop: a post counts from when it was due, however late the system
or the load processes are. With `--people` it stays at that number, and says what a person costs
each tier and the load.

Exits with 1 if no number held, or that of `--people` did not hold in every window; also if anything
in the whole run was lost, doubled, out of order or never answered.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Final

from loadtest.climb import Climb, Objective, broken, is_met
from loadtest.cpu import ALL_TIERS, CpuClock, used_between
from loadtest.options import positive_minutes, positive_number
from loadtest.system import System, running_system
from loadtest.users.figures import Figures
from loadtest.users.people import People, gathered_people

START_PEOPLE: Final = 100
WORKERS: Final = 2
PACE_SECONDS: Final = 1.3  # at which a person posts as often as when posts were 40 of 56 acts
ARRIVALS_A_SECOND: Final = 20.0
WINDOW_SECONDS: Final = 15.0
CALM_SECONDS: Final = 4.0
END_SECONDS: Final = 30.0  # of the time there is, for the last deliveries and goodbyes
COST_WINDOWS: Final = 3
LOAD: Final = "load"
COLUMNS: Final = "{:>7} {:>9} {:>9} {:>7} {:>7} {:>7} {:>7}  {}"


class Search:
    """One run; `say` prints a line."""

    def __init__(self, system: System, people: People, objective: Objective, start: int) -> None:
        self._system, self._people, self._objective = system, people, objective
        self.climb = Climb(start)
        self.reason = "nothing; the time was over"
        self.busiest = ""

    def run(self, until: float) -> None:
        say_columns()
        while (number := self.climb.next()) and time.monotonic() < until:
            self._step(number, until)
            if 0 < self.climb.held < number:
                self._calm_down(until)

    def stay(self, number: int, until: float) -> None:
        """Measures what that many people cost."""
        say_columns()
        for _ in range(COST_WINDOWS):
            cores = self._step(number, until)
            per_person = (f"{role} {used / number * 1e6:.0f}" for role, used in cores.items())
            say("µs of CPU a second and person: " + ", ".join(per_person))

    def _step(self, number: int, until: float) -> dict[str, float]:
        """The cores that each tier used, and the load."""
        people = self._people
        before = people.tally
        patience = max(10.0, until - time.monotonic())
        arrived = people.become(number, ARRIVALS_A_SECOND, patience)
        people.reset()
        clock = CpuClock(self._system.state(), ALL_TIERS, {LOAD: people.pids})
        posts, since = people.tally.answered, clock.read()
        wait(WINDOW_SECONDS)
        figures, tally = people.figures(), people.tally
        used = used_between(since, clock.read())
        cores = {role: seconds / figures.seconds for role, seconds in used.items()}
        said = broken(self._objective, figures, tally.lost - before.lost, tally)
        if not arrived:
            said.append(f"{people.number} of {number} people came in {patience:.0f} s")
        self.climb.note(number, not said)
        if said and self.climb.broke == number:
            self.reason = "; ".join(said)
            self.busiest = name_busiest(cores)
            if figures.late_ms > self._objective.p99_ms / 2:
                self.reason += f"; the load processes themselves were {figures.late_ms:.0f} ms late"
        self._print(number, figures, (tally.answered - posts) / figures.seconds, said)
        return cores

    def _calm_down(self, until: float) -> None:
        """The backlog of a failed step must not affect the next one."""
        self._people.become(self.climb.held, ARRIVALS_A_SECOND, until - time.monotonic())
        while time.monotonic() < until:
            self._people.reset()
            wait(CALM_SECONDS)
            if self._people.figures().p99_ms <= self._objective.p99_ms:
                return

    def _print(self, number: int, figures: Figures, posts: float, said: list[str]) -> None:
        say(
            COLUMNS.format(
                number,
                f"{posts:.0f}",
                f"{figures.deliveries / figures.seconds:.0f}",
                f"{figures.p50_ms:.0f}",
                f"{figures.p99_ms:.0f}",
                f"{figures.late_ms:.0f}",
                figures.failures,
                "holds" if not said else "breaks: " + "; ".join(said),
            )
        )


def name_busiest(cores: Mapping[str, float]) -> str:
    """The roles that used most of a core, including the load, and how much."""
    ordered = sorted(cores.items(), key=lambda item: -item[1])
    return ", ".join(f"{role} {share:.0%}" for role, share in ordered[:6])


def say_columns() -> None:
    say(
        COLUMNS.format("people", "posts/s", "deliv./s", "p50 ms", "p99 ms", "late ms", "failed", "")
    )


def wait(seconds: float) -> None:
    """locust has made this a sleep that lets its own work go on."""
    time.sleep(seconds)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.search", description=__doc__)
    parser.add_argument("--minutes", type=positive_minutes, default=5.0)
    parser.add_argument(
        "--start", type=positive_number, default=START_PEOPLE, help="the first number"
    )
    parser.add_argument(
        "--people", type=positive_number, help="stay at that number, and say what it costs"
    )
    options = parser.parse_args()
    until = time.monotonic() + options.minutes * 60 - END_SECONDS
    with (
        running_system({"HUBBUB_RATE_LIMITS": "high"}) as system,
        gathered_people(system.origin, WORKERS, PACE_SECONDS) as people,
    ):
        search = Search(system, people, Objective(), options.start)
        if options.people:
            search.stay(options.people, until)
        else:
            search.run(until)
        tally = people.fall_silent()
    climb = search.climb
    if not options.people:
        say(f"\n{climb.held} people at the objective.")
        say(f"What broke first, at {climb.broke or 'no number'}: {search.reason}.")
        if search.busiest:
            say(f"CPU there, in cores: {search.busiest}.")
    say(f"In the whole run: {tally}.")
    return 0 if is_met(climb, tally, every_time=bool(options.people)) else 1


if __name__ == "__main__":
    sys.exit(main())
