"""How many frames of one client were refused recently. Pure."""

from collections import deque
from typing import Final

WINDOW_SECONDS: Final = 10.0


class Refusals:
    """Keeps the times of the last ten seconds: with fixed windows twice as many would be allowed
    around the end of one."""

    __slots__ = ("_most", "_times")

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: deque[float] = deque()

    def count(self, now: float) -> bool:
        """Counts one; returns whether that is still within the limit for ten seconds."""
        times = self._times
        while times and now - times[0] > WINDOW_SECONDS:
            times.popleft()
        times.append(now)
        return len(times) <= self._most
