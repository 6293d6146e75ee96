"""A clock that can be stopped. Pure."""

from collections.abc import Callable
from typing import Final

# Between two looks at it. Nodes that stood still for longer, as those of a machine that was paused,
# have heard nothing of each other meanwhile.
LONGEST_SECONDS: Final = 5.0


class StoppableClock:
    """Shows how long it has run. It is looked at all the time while it runs: longer pauses do not
    count, since its process stood still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown = 0.0
        self._looked_at: float | None = None  # None while it is stopped

    def __call__(self) -> float:
        if self._looked_at is not None:
            now = self._clock()
            self._shown += min(now - self._looked_at, LONGEST_SECONDS)
            self._looked_at = now
        return self._shown

    def start(self) -> None:
        if self._looked_at is None:
            self._looked_at = self._clock()

    def stop(self) -> None:
        self()
        self._looked_at = None
