"""What the simulated users of one load process share: their delivery book and their figures."""

import time
from typing import TYPE_CHECKING, Final

import gevent

from loadtest.sockets.delivery import DeliveryBook
from loadtest.users.figures import Tally
from loadtest.users.listener import DELIVERY, KIND, Listener

if TYPE_CHECKING:
    from locust.stats import RequestStats

SETTLE_SECONDS: Final = 10.0
LATE: Final = ("SELF", "late")  # the delay of an open-loop act after its due time
# Until the delivery of an answered message is checked, and the answer to a send. A node answers
# within 5 s, if only that a service is unavailable.
JUDGE_SECONDS: Final = 15.0


class Gathering:
    """One run's people in one process."""

    def __init__(self, stats: "RequestStats") -> None:
        self.stats = stats
        self.book = DeliveryBook()
        self.people: list[str] = []
        self.listeners: set[Listener] = set()
        self.is_over = False
        self.cuts = 0
        self.unanswered = 0  # sends on the socket
        self._final: Tally | None = None

    def log(self, kind: str, name: str, seconds: float) -> None:
        """A request, for locust's table."""
        self.stats.log_request(kind, name, round(seconds * 1000), 0)

    def log_beside(self, kind: str, name: str, seconds: float) -> None:
        """The same for other measurements, which the table's last line excludes."""
        self.stats.entries[name, kind].log(round(seconds * 1000), 0)

    def tally(self) -> Tally:
        """So far; messages in transit do not count as lost, and overdue answers are asked for.
        After `settle` it stays the same: from then on people leave, and nothing is due to them.
        """
        if self._final is not None:
            return self._final
        before = time.monotonic() - JUDGE_SECONDS
        self.book.judge(before)
        for listener in self.listeners:
            listener.ask_for_answers(before)
        return self._sum_up(self.book.lost)

    def settle(self) -> Tally:
        """No more posts; waits until everything has arrived or the time is over. What is missing
        then is lost, and what has no answer is unanswered."""
        self.is_over = True
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._is_waiting() and time.monotonic() < deadline:
            gevent.sleep(0.1)
        if self._final is None:
            self.book.judge(time.monotonic() - JUDGE_SECONDS)
            for listener in self.listeners:
                listener.give_up()
            self._final = self._sum_up(self.book.lost + self.book.missing())
        return self._final

    def _sum_up(self, lost: int) -> Tally:
        return Tally(
            answered=self.book.posts,
            delivered=self.book.deliveries,
            lost=lost,
            doubled=self.book.doubled,
            out_of_order=self.book.out_of_order,
            unanswered=self.unanswered,
            cuts=self.cuts,
        )

    def _is_waiting(self) -> bool:
        return self.book.missing() > 0 or any(listener.outbox for listener in self.listeners)


def count_requests(stats: "RequestStats") -> tuple[int, int]:
    """Requests and failures, without what is no request."""
    others = (LATE, (KIND, DELIVERY))
    rows = [row for row in stats.entries.values() if (row.method, row.name) not in others]
    return sum(row.num_requests for row in rows), sum(row.num_failures for row in rows)
