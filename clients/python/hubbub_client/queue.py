"""What came and was not taken yet, in the order of its coming."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """However many take from it, each item goes to one of them, and `error` to all of them, once
    nothing is left: nothing comes any more."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._items: deque[Item] = deque()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def push(self, item: Item, most: float = float("inf")) -> None:
        """Where there are `most` already the oldest one goes."""
        if len(self._items) >= most:
            self._items.popleft()
        self._items.append(item)
        self._changed.set()

    def fail(self, error: Exception) -> None:
        self.error = error
        self._changed.set()

    def clear(self) -> None:
        self._items.clear()

    async def take(self) -> Item:
        """Waits for one. Raises the error."""
        while not self._items:
            if self.error is not None:
                raise self.error
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()
