"""Received items that were not taken yet, in the order of arrival."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """Each item goes to one consumer; once nothing is left after the end, all of them get
    `error`."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._items: deque[Item] = deque()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def push(self, item: Item, most: float = float("inf")) -> None:
        """If there are already `most`, drops the oldest."""
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
        """Waits for an item. Raises the error."""
        while not self._items:
            if self.error is not None:
                raise self.error
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()
