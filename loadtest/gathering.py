"""What the people of one load process share: their book, their names, and where figures go."""

import time
from typing import Final, NamedTuple

import gevent
from locust.stats import RequestStats

from loadtest.delivery import DeliveryBook
from loadtest.listener import Listener

SETTLE_SECONDS: Final = 10.0
JUDGE_SECONDS: Final = 15.0  # who has a message no later than this has not lost it


class Tally(NamedTuple):
    """The sum of one process, as it travels to the one that adds them up."""

    answered: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    cuts: int = 0

    def plus(self, other: "Tally") -> "Tally":
        return Tally(*map(sum, zip(self, other, strict=True)))


class Gathering:
    """One run's people in one process."""

    def __init__(self, stats: RequestStats) -> None:
        self.stats = stats
        self.book = DeliveryBook()
        self.people: list[str] = []
        self.listeners: set[Listener] = set()
        self.is_over = False
        self.cuts = 0

    def tally(self) -> Tally:
        """So far; what is merely on its way is not lost yet."""
        self.book.judge(time.monotonic() - JUDGE_SECONDS)
        book = self.book
        lost = book.lost + (book.missing() if self.is_over else 0)
        return Tally(book.posts, book.deliveries, lost, book.doubled, book.out_of_order, self.cuts)

    def settle(self) -> Tally:
        """Nobody posts any more; waits until everything has arrived or the time is over."""
        self.is_over = True
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._is_waiting() and time.monotonic() < deadline:
            gevent.sleep(0.1)
        return self.tally()

    def _is_waiting(self) -> bool:
        return self.book.missing() > 0 or any(listener.outbox for listener in self.listeners)
