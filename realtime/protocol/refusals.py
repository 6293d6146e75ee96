"""How many frames of one client were refused lately. Pure."""

from typing import Final

WINDOW_SECONDS: Final = 10.0


class Refusals:
    """Counts in windows of ten seconds."""

    __slots__ = ("_most", "_number", "_since")

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self._number = 0
        self._since = now

    def count(self, now: float) -> bool:
        """One more; whether that is still within what a window may have."""
        if now - self._since > WINDOW_SECONDS:
            self._number, self._since = 0, now
        self._number += 1
        return self._number <= self._most
