"""One timer wheel for all timers of all connections: pings, time-outs, expiry, ends. Pure.

A timer of the loop per connection costs memory and a heap; here each connection is in one bucket of
a quarter of a second, and is then asked what is due.
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar

TICK_SECONDS: Final = 0.25


class Timed(Protocol):
    bucket: int  # the one that it is in; 0 = none


T = TypeVar("T", bound=Timed)


class Wheel(Generic[T]):
    """Buckets by time; an item is in at most one of them, and none is empty."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[int, set[T]] = {}
        self._next = int(clock() / TICK_SECONDS)

    @property
    def is_empty(self) -> bool:
        return not self._buckets

    def schedule(self, item: T, due: float) -> None:
        """Ask the item at `due` seconds of the clock, up to one tick later."""
        bucket = max(int(due / TICK_SECONDS) + 1, self._next)
        if bucket == item.bucket:
            return
        self.cancel(item)
        item.bucket = bucket
        self._buckets.setdefault(bucket, set()).add(item)

    def cancel(self, item: T) -> None:
        """Never ask it again."""
        waiting = self._buckets.get(item.bucket)
        if waiting is not None:
            waiting.discard(item)
            if not waiting:
                del self._buckets[item.bucket]
        item.bucket = 0

    def take_due(self) -> Iterator[T]:
        """The items whose time has come; each is in no bucket until it is scheduled again."""
        last = int(self._clock() / TICK_SECONDS)
        while self._next <= last:
            bucket = self._next
            # Before any item is returned: one that is due again at once needs a later bucket.
            self._next += 1
            for item in self._buckets.pop(bucket, ()):
                if item.bucket == bucket:
                    item.bucket = 0
                    yield item
