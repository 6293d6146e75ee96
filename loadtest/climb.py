"""Finds how many users a system sustains: the next number to try, and the objectives. Pure."""

from typing import Final, NamedTuple

from loadtest.users.figures import Figures, Tally

GROWTH: Final = 1.5
CLOSE_ENOUGH: Final = 0.1  # of what held: nearer the searched number is not looked for


class Objective(NamedTuple):
    """What must hold: the slowest of a hundred deliveries, in ms from when the post was due, the
    share of requests that fail, and no message lost."""

    p99_ms: float = 250.0
    failing: float = 0.00025


class Climb:
    """Increases by half until a number fails, then bisects between the last that held and the first
    that failed."""

    def __init__(self, start: int) -> None:
        self._start = start
        self.held = 0
        self.broke: int | None = None

    def note(self, people: int, held: bool) -> None:
        if held:
            self.held = max(self.held, people)
        else:
            self.broke = min(people, self.broke or people)

    def next(self) -> int | None:
        """None if the result is precise enough."""
        if self.broke is None:
            return round(self.held * GROWTH) or self._start
        if self.broke - self.held <= max(1.0, self.held * CLOSE_ENOUGH):
            return None
        return (self.held + self.broke) // 2


def is_met(climb: Climb, tally: Tally, *, every_time: bool) -> bool:
    """Whether the run as a whole is good: a number held, or `every_time` each of them, and every
    message arrived as it should."""
    held = climb.held > 0 and not (every_time and climb.broke)
    return held and tally.is_clean


def broken(objective: Objective, figures: Figures, lost: int, tally: Tally) -> list[str]:
    """The objectives that failed, in words; `lost` since the last check."""
    said = []
    if lost:
        said.append(f"{lost} deliveries lost")
    if tally.doubled or tally.out_of_order:
        said.append(f"{tally.doubled} doubled, {tally.out_of_order} out of order")
    share = figures.failures / figures.requests if figures.requests else 1.0
    if share > objective.failing:
        most = max(
            figures.reasons, key=lambda reason: figures.reasons[reason], default="there were none"
        )
        said.append(f"{share:.3%} of requests failed ({most})")
    if figures.p99_ms > objective.p99_ms:
        said.append(f"p99 {figures.p99_ms:.0f} ms from post to delivery")
    return said
