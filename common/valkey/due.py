"""Items that are due after a while, handed over in slots of a tenth of a second.

One timer, for the earliest slot: what is due at about the same time shares a wake-up.
"""

import asyncio
from collections.abc import Callable
from itertools import chain
from typing import Final, Generic, TypeVar

SLOT_SECONDS: Final = 0.1

Item = TypeVar("Item")


class Due(Generic[Item]):
    """Hands over items at most `SLOT_SECONDS` later than asked."""

    def __init__(self, hand_over: Callable[[list[Item]], None]) -> None:
        self._hand_over = hand_over
        self._slots: dict[int, list[Item]] = {}  # by the number of the slot at whose end they are
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0  # the slot that the timer waits for

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def add(self, item: Item, seconds: float) -> None:
        """Due in so many seconds."""
        loop = asyncio.get_running_loop()
        slot = int((loop.time() + seconds) / SLOT_SECONDS) + 1
        if (items := self._slots.get(slot)) is not None:
            items.append(item)
            return
        self._slots[slot] = [item]
        if self._timer is None or slot < self._next:
            self._wait_for(slot)

    def drain(self) -> list[Item]:
        """All of them, due or not; they are not handed over again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        items = list(chain.from_iterable(self._slots.values()))
        self._slots.clear()
        return items

    def _wait_for(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = slot
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(slot * SLOT_SECONDS, self._end_slot)

    def _end_slot(self) -> None:
        self._timer = None
        items = self._slots.pop(self._next)
        if self._slots:
            self._wait_for(min(self._slots))
        self._hand_over(items)
