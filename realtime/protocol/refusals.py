"""How many frames of one client were refused lately. Pure."""

from collections import deque
from typing import Final

WINDOW_SECONDS: Final = 10.0


class Refusals:
    """Knows the times of those of the last ten seconds: windows that follow each other would bear
    twice as many around the end of one."""

    __slots__ = ("_most", "_times")

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: deque[float] = deque()

    def count(self, now: float) -> bool:
        """One more; whether that is still within what ten seconds may have."""
        times = self._times
        while times and now - times[0] > WINDOW_SECONDS:
            times.popleft()
        times.append(now)
        return len(times) <= self._most
