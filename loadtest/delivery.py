"""Counts how posts arrive: latency, lost, doubled, out of order, by chat, seq and message id.

Pure: times are given to it, in seconds of one monotonic clock. It must not know how posts and
deliveries travel, and it must not import locust, which takes `select.epoll` out of the process.
"""

from collections import defaultdict
from typing import NamedTuple

PERCENTILES = (50, 95, 99, 100)


class Arrival(NamedTuple):
    """How everything arrived. `lost` counts a message once for each listener without it;
    `percentiles` are seconds from the start of the post to each delivery."""

    answered: int
    delivered: int
    lost: int
    doubled: int
    out_of_order: int
    percentiles: dict[int, float]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order)


class DeliveryBook:
    """One book for all posters and listeners of a run."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}  # client id: when its post began
        self._answered: dict[str, dict[int, str]] = defaultdict(dict)  # chat: seq: message id
        self._since: dict[tuple[str, str], int] = {}  # listener, chat: the seq it starts after
        self._got: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        self._last: dict[tuple[str, str], int] = {}
        self._latencies: list[float] = []
        self._doubled = self._out_of_order = 0

    def post_begins(self, client_id: str, now: float) -> None:
        """Before the first try of a post; repeats of the same post do not count anew."""
        self._started.setdefault(client_id, now)

    def post_answered(self, chat: str, seq: int, message_id: str) -> None:
        self._answered[chat][seq] = message_id

    def listener_joins(self, listener: str, chat: str, after: int) -> None:
        """From now on this listener gets every event of the chat above `after`."""
        self._since.setdefault((listener, chat), after)
        self._last[listener, chat] = after

    def listener_leaves(self, listener: str, chat: str) -> None:
        self._since.pop((listener, chat), None)

    def delivered(
        self,
        listener: str,
        chat: str,
        seq: int,
        message_id: str = "",
        client_id: str = "",
        now: float = 0.0,
    ) -> None:
        """An event came. `message_id` is empty for events that are no messages: they count for
        order only."""
        key = (listener, chat)
        if seq in self._got[key]:
            self._doubled += 1
            return
        if seq != self._last.get(key, seq - 1) + 1:
            self._out_of_order += 1
        self._got[key][seq] = message_id
        self._last[key] = seq
        if message_id and (started := self._started.get(client_id)) is not None:
            self._latencies.append(now - started)

    def missing(self) -> int:
        """Answered messages that a listener should have and has not, or not under that id."""
        return sum(
            self._got[listener, chat].get(seq) != message_id
            for (listener, chat), after in self._since.items()
            for seq, message_id in self._answered[chat].items()
            if seq > after
        )

    def close(self) -> Arrival:
        """The sum of it all."""
        return Arrival(
            answered=sum(map(len, self._answered.values())),
            delivered=sum(map(len, self._got.values())),
            lost=self.missing(),
            doubled=self._doubled,
            out_of_order=self._out_of_order,
            percentiles=percentiles(self._latencies),
        )


def percentiles(values: list[float]) -> dict[int, float]:
    """The smallest value that so many percent do not exceed (nearest rank); empty for no values."""
    ordered = sorted(values)
    return {
        percent: ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
        for percent in PERCENTILES
        if ordered
    }
