"""The share of its time for which a feeder may work: all of it, or little while the machine is at
its limit, where sends need the time that feeding takes. No I/O.

The measure is how many events are stored at once: those that arrive while one batch is stored are
the next one. CPU use is no measure: below the limit batches are small, and events cost more.
"""

from collections import deque
from typing import Final, NamedTuple

CROWDED_EVENTS: Final = 16.0  # stored at once, averaged over about a second
CROWDED_SHARE: Final = 0.02
FULL_SHARE_SECONDS: Final = 600.0  # if it is so far behind, a feeder works all of the time
LOOK_SECONDS: Final = 0.6  # after which the pause is computed again


class _Stored(NamedTuple):
    """How many batches and events were stored up to a moment."""

    at: float
    batches: int
    events: int


class Pace:
    """Told of every batch; `now` is in seconds of a single clock."""

    def __init__(self, now: float) -> None:
        self._looks = deque([_Stored(now, 0, 0)], maxlen=2)
        self._batches = self._events = 0

    def note(self, now: float, events: int) -> None:
        """So many were stored at once."""
        self._look(now)
        self._batches += 1
        self._events += events

    def pause(self, now: float, took: float, behind: float) -> float:
        """Seconds to wait after work that took so long, if the index lacks the events of so many
        seconds."""
        self._look(now)
        oldest = self._looks[0]
        batches, events = self._batches - oldest.batches, self._events - oldest.events
        if events <= CROWDED_EVENTS * batches:
            return 0.0
        share = min(1.0, max(CROWDED_SHARE, (behind / FULL_SHARE_SECONDS) ** 2))
        return took * (1 / share - 1)

    def _look(self, now: float) -> None:
        since = now - self._looks[-1].at
        if since >= 2 * LOOK_SECONDS:  # nobody sent: older batches say nothing about now
            self._looks.clear()
        if since >= LOOK_SECONDS:
            self._looks.append(_Stored(now, self._batches, self._events))
