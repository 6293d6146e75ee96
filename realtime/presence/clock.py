"""A clock that can be stopped. Pure."""

from collections.abc import Callable
from typing import Final

# Between two readings. Nodes that stood still for longer, as those of a machine that was paused,
# have heard nothing of each other meanwhile.
LONGEST_SECONDS: Final = 5.0


class StoppableClock:
    """Shows how long it has run. It is read all the time while it runs: longer pauses do not
    count, since its process stood still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown = 0.0
        self._read_at: float | None = None  # None while it is stopped

    def __call__(self) -> float:
        if self._read_at is not None:
            now = self._clock()
            self._shown += min(now - self._read_at, LONGEST_SECONDS)
            self._read_at = now
        return self._shown

    def start(self) -> None:
        if self._read_at is None:
            self._read_at = self._clock()

    def stop(self) -> None:
        self()
        self._read_at = None
