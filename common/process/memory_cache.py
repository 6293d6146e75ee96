"""A cache in the memory of this process, bounded in bytes; the least recently used entries are
evicted first. Pure; it knows nothing of what it holds."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

_OVERHEAD_BYTES: Final = 400  # Python's overhead per entry


class _Entry(NamedTuple):
    value: Any
    size: int
    until: float


class MemoryCache:
    """Values by key. Each kind of value has its own keys, so a caller knows the type of what it
    gets."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self.size = 0

    def get(self, key: str) -> Any:
        """The value; None if there is none, or no longer."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until < self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def put(self, key: str, value: Any, size: int, seconds: float) -> None:
        """`size` is that of the value's content in bytes."""
        self._drop(key)
        size += _OVERHEAD_BYTES
        self._entries[key] = _Entry(value, size, self._clock() + seconds)
        self.size += size
        while self.size > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= entry.size
