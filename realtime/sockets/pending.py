"""Connections that have not sent their request yet: how many a node allows. Pure.

A client that opens thousands of them and finishes none must not keep others out, so a new one
replaces the oldest, once that had enough time for an honest handshake.
"""

from typing import Final, Generic, TypeVar

HONEST_SECONDS: Final = 1.0  # a request that is on its way has arrived by then

T = TypeVar("T")


class PendingHandshakes(Generic[T]):
    """In the order in which they came."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._since: dict[T, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def enter(self, newcomer: T, now: float) -> T | None:
        """Adds a connection; returns the one that has to go, which may be the new one."""
        if len(self._since) < self._most:
            self._since[newcomer] = now
            return None
        oldest, since = next(iter(self._since.items()))
        if now - since < HONEST_SECONDS:
            return newcomer
        del self._since[oldest]
        self._since[newcomer] = now
        return oldest

    def leave(self, item: T) -> None:
        """It has sent its request, or is gone; safe to repeat."""
        self._since.pop(item, None)
