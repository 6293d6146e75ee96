"""`make search`: how many simulated users a fresh system sustains before an objective breaks.

Raises the number of people step by step and says "N people at the objective", and what broke first.
The people act in an open loop: a post counts from when it was due, however late the system or the
load processes are. Exits with 1 where not even the first number held, or something was lost.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from loadtest.climb import Climb, Objective, broken
from loadtest.footprint import Footprint, take_footprints
from loadtest.system import System, running_system
from loadtest.users.figures import Figures
from loadtest.users.people import People, gathered_people

START_PEOPLE: Final = 100
WORKERS: Final = 2
PACE_SECONDS: Final = 2.0
ARRIVALS_A_SECOND: Final = 20.0
WINDOW_SECONDS: Final = 15.0
CALM_SECONDS: Final = 4.0
END_SECONDS: Final = 30.0  # of the time there is, for the last deliveries and goodbyes
COLUMNS: Final = "{:>7} {:>9} {:>9} {:>7} {:>7} {:>7} {:>7}  {}"


class Search:
    """One run; `say` prints a line."""

    def __init__(self, system: System, people: People, objective: Objective) -> None:
        self._system, self._people, self._objective = system, people, objective
        self.climb = Climb(START_PEOPLE)
        self.reason = "nothing; the time was over"
        self.busiest = ""

    def run(self, until: float) -> None:
        say(COLUMNS.format("people", "posts/s", "deliv./s", "p50 ms", "p99 ms", "late ms", "failed",
                           ""))  # fmt: skip
        while (number := self.climb.next()) and time.monotonic() < until:
            self._step(number, until)

    def _step(self, number: int, until: float) -> None:
        people = self._people
        before = people.tally
        patience = max(10.0, until - time.monotonic())
        arrived = people.become(number, ARRIVALS_A_SECOND, patience)
        people.reset()
        posts, busy = people.tally.answered, take_footprints(self._system.state())
        wait(WINDOW_SECONDS)
        figures, tally = people.figures(), people.tally
        said = broken(self._objective, figures, tally.lost - before.lost, tally)
        if not arrived:
            said.append(f"{people.number} of {number} people came in {patience:.0f} s")
        self.climb.note(number, not said)
        if said and self.climb.broke == number:
            self.reason = "; ".join(said)
            self.busiest = name_busiest(
                busy, take_footprints(self._system.state()), figures.seconds
            )
            if figures.late_ms > self._objective.p99_ms / 2:
                self.reason += f"; the load processes themselves were {figures.late_ms:.0f} ms late"
        self._print(number, figures, (tally.answered - posts) / figures.seconds, said)
        if said and self.climb.held:
            self._calm_down(until)

    def _calm_down(self, until: float) -> None:
        """What piled up in a step that broke must not spoil the next one."""
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


def name_busiest(
    before: Mapping[str, Footprint], after: Mapping[str, Footprint], seconds: float
) -> str:
    """The roles that used most of a core, and how much of it."""
    used: Counter[str] = Counter()
    for name, footprint in after.items():
        if name in before:
            role = name.partition("-")[0]
            used[role] += (footprint.cpu_seconds - before[name].cpu_seconds) / seconds  # type: ignore[assignment]
    return ", ".join(f"{role} {share:.0%}" for role, share in used.most_common(4))


def wait(seconds: float) -> None:
    """locust has made this a sleep that lets its own work go on."""
    time.sleep(seconds)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.search", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    until = time.monotonic() + parser.parse_args().minutes * 60 - END_SECONDS
    with (
        running_system({"HUBBUB_RATE_LIMITS": "high"}) as system,
        gathered_people(system.origin, WORKERS, PACE_SECONDS) as people,
    ):
        search = Search(system, people, Objective())
        search.run(until)
        tally = people.fall_silent()
    climb = search.climb
    say(f"\n{climb.held} people at the objective.")
    say(f"What broke first, at {climb.broke or 'no number'}: {search.reason}.")
    if search.busiest:
        say(f"CPU there, in cores: {search.busiest}.")
    say(f"In the whole run: {tally}.")
    return 0 if climb.held and not tally.lost else 1


if __name__ == "__main__":
    sys.exit(main())
