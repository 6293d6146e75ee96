"""Checks the delivery of posts and their changes: latency, lost, doubled, out of order.

Pure: times are given to it, in seconds of one monotonic clock. It must not know how posts and
deliveries travel, and it must not import locust, which takes `select.epoll` out of the process.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from hubbub_client.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)

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


def identify_change(kind: str, message_id: str, by: str, emoji: str = "") -> str:
    """What makes a deletion or reaction the one that was answered: its answer does not say its
    seq. `kind` is the event's type."""
    return f"{kind} {message_id} {by} {emoji}"


def identify(event: Event) -> str:
    """What makes an event the one that was answered, beside its chat and seq; empty for events that
    belong to no message."""
    match event:
        case MessageSent() | MessageEdited():
            return event.message_id
        case MessageDeleted():
            return identify_change("message.deleted", event.message_id, event.by)
        case ReactionAdded():
            return identify_change("reaction.added", event.message_id, event.by, event.emoji)
        case ReactionRemoved():
            return identify_change("reaction.removed", event.message_id, event.by, event.emoji)
    return ""


class DeliveryBook:
    """One book for all posters and listeners of a run. A `message_id` is what `identify` makes of
    any event."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}  # client id: when its post began
        self._answered: dict[str, dict[int, str]] = defaultdict(dict)  # chat: seq: message id
        self._since: dict[tuple[str, str], int] = {}  # listener, chat: the seq it starts after
        self._got: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        self._last: dict[tuple[str, str], int] = {}
        self._listeners: dict[str, set[str]] = defaultdict(set)  # of a chat
        self._waiting: deque[tuple[float, str, int]] = deque()  # answered then, chat, seq
        self._judged: dict[str, int] = {}  # chat: up to this seq nobody remembers
        # What was answered long ago by listeners who are behind: seq and message id.
        self._late: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        # Changes whose answers did not say their seq: those that nobody has heard yet, with their
        # times; and what was heard and not answered here, with its seq.
        self._unheard: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._heard: dict[tuple[str, str, int], float] = {}
        self._latencies = array("d")
        self.posts = self.deliveries = self.doubled = self.out_of_order = 0
        self.lost = 0  # of those that were checked

    def post_begins(self, client_id: str, now: float) -> None:
        """Called before the first attempt of a post; repeats do not count again."""
        self._started.setdefault(client_id, now)

    def post_answered(self, chat: str, seq: int, message_id: str, now: float = 0.0) -> None:
        if seq not in self._answered[chat]:
            self.posts += 1
            self._waiting.append((now, chat, seq))
        self._answered[chat][seq] = message_id

    def change_answered(self, chat: str, message_id: str, now: float = 0.0) -> None:
        """A deletion or reaction: its seq is that of an event that came or will come."""
        for heard in self._heard:
            if heard[:2] == (chat, message_id):
                del self._heard[heard]
                self.post_answered(chat, heard[2], message_id, now)
                return
        self._unheard[chat, message_id].append(now)

    def listener_joins(self, listener: str, chat: str, after: int) -> None:
        """From now on this listener must get every event of the chat above `after`."""
        self._since.setdefault((listener, chat), after)
        self._listeners[chat].add(listener)
        self._last[listener, chat] = after

    def listener_leaves(self, listener: str, chat: str) -> None:
        self._since.pop((listener, chat), None)
        self._listeners[chat].discard(listener)
        self._got.pop((listener, chat), None)
        self._late.pop((listener, chat), None)

    def delivered(
        self,
        listener: str,
        chat: str,
        seq: int,
        message_id: str = "",
        client_id: str = "",
        now: float = 0.0,
    ) -> float | None:
        """An event came. `message_id` is empty for events that are no messages: they count for
        order only. Gives the seconds since its post began, where it is known."""
        key = (listener, chat)
        if seq in self._got[key] or seq <= min(self._judged.get(chat, 0), self._last.get(key, 0)):
            self.doubled += 1
            return None
        if " " in message_id:
            self._hear_change(chat, seq, message_id, now)
        self.deliveries += 1
        if seq != self._last.get(key, seq - 1) + 1:
            self.out_of_order += 1
        if self._late[key].get(seq) == message_id and message_id:
            del self._late[key][seq]
        else:
            self._got[key][seq] = message_id
        self._last[key] = seq
        if message_id and (started := self._started.get(client_id)) is not None:
            self._latencies.append(now - started)
            return now - started
        return None

    def _hear_change(self, chat: str, seq: int, message_id: str, now: float) -> None:
        if seq in self._answered[chat] or seq <= self._judged.get(chat, 0):
            return
        if waiting := self._unheard.get((chat, message_id)):
            waiting.pop(0)
            self._heard.pop((chat, message_id, seq), None)
            self.post_answered(chat, seq, message_id, now)
        else:
            self._heard[chat, message_id, seq] = now

    def judge(self, before: float) -> None:
        """Forgets messages answered before that time, so that a long run needs no more memory than
        a short one. A listener that got a later message but not this one has lost it; one that is
        behind altogether is late, perhaps because its process is, and may still get it."""
        while self._waiting and self._waiting[0][0] < before:
            _, chat, seq = self._waiting.popleft()
            message_id = self._answered[chat].pop(seq)
            self._judged[chat] = max(seq, self._judged.get(chat, 0))
            for listener in self._listeners[chat]:
                key = (listener, chat)
                if self._got[key].pop(seq, None) == message_id or seq <= self._since[key]:
                    continue
                if self._last[key] >= seq:
                    self.lost += 1
                else:
                    self._late[key][seq] = message_id
        for (chat, _), times in self._unheard.items():
            old = [time for time in times if time < before]
            times[:] = [time for time in times if time >= before]
            self.lost += len(old) if self._listeners[chat] else 0
        self._heard = {heard: time for heard, time in self._heard.items() if time >= before}
        while self._started and next(iter(self._started.values())) < before:
            del self._started[next(iter(self._started))]

    def missing(self) -> int:
        """Answered messages that a listener lacks, or has with another id, besides those already
        `lost`."""
        unheard = sum(map(len, self._unheard.values()))
        return (
            unheard
            + sum(len(late) for late in self._late.values())
            + sum(
                self._got[listener, chat].get(seq) != message_id
                for (listener, chat), after in self._since.items()
                for seq, message_id in self._answered[chat].items()
                if seq > after
            )
        )

    def close(self) -> Arrival:
        """The totals."""
        return Arrival(
            answered=self.posts,
            delivered=self.deliveries,
            lost=self.lost + self.missing(),
            doubled=self.doubled,
            out_of_order=self.out_of_order,
            percentiles=percentiles(self._latencies),
        )


def percentiles(values: Sequence[float]) -> dict[int, float]:
    """The smallest value that so many percent do not exceed (nearest rank); empty for no values."""
    ordered = sorted(values)
    return {
        percent: ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
        for percent in PERCENTILES
        if ordered
    }
