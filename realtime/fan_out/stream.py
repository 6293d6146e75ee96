"""The order of one chat on this node: its head, and payloads that came too early. Pure.

Whatever is lost, doubled, late or out of order on the way in, the output is every seq from the head
on, once, in order. Knows no listener and fetches nothing: it says what is missing.
"""

from collections.abc import Sequence
from typing import Final

from common.protocol.payload import Payload

# Limits payloads that wait for a gap. More than this is cheaper to fetch again than to keep.
MAX_EARLY_PAYLOADS: Final = 256
MAX_EARLY_BYTES: Final = 1_048_576


class Stream:
    """`head` is the last seq given out; `known` the newest seq that is known to exist.

    While payloads wait for a gap, `known` is above `head`.
    """

    __slots__ = ("_early", "_early_bytes", "head", "known")

    def __init__(self, head: int) -> None:
        self.head = head
        self.known = head
        self._early: dict[int, Payload] = {}
        self._early_bytes = 0

    @property
    def is_behind(self) -> bool:
        """Whether events after the head exist that have not arrived yet."""
        return self.known > self.head

    def follow(self, first: int, size: int) -> bool:
        """Takes `size` events from `first` on if nothing is missing and they come next, as they
        almost always do; returns whether it did."""
        if self.known != self.head or first != self.head + 1:
            return False
        self.head = self.known = first + size - 1
        return True

    def offer(self, payload: Payload) -> Sequence[Payload]:
        """Takes a payload and returns what is due now, in order."""
        head = self.head
        last = payload.first + payload.size - 1
        if last <= head:
            return ()
        if self.known < last:
            self.known = last
        if payload.first > head + 1:
            self._keep(payload)
            return ()
        return self._advance(payload)

    def learn(self, head: int) -> bool:
        """The chat is said to have reached `head`; returns whether events are missing."""
        if self.known < head:
            self.known = head
        return self.known > self.head

    def settle(self, head: int, known_when_asked: int) -> None:
        """The chat's log ended at `head` when it was asked for events after ours: earlier claims of
        a higher head were wrong. Heads learned while the answer travelled may be right, and
        payloads that wait for a gap are committed in any case."""
        if head <= self.head and self.known <= known_when_asked:
            early = (payload.first + payload.size - 1 for payload in self._early.values())
            self.known = max((self.head, *early))

    def skip_to(self, seq: int) -> None:
        """The chat's log holds nothing between the head and what follows `seq`."""
        self.head = max(self.head, seq)
        self._early = {first: kept for first, kept in self._early.items() if first > self.head}
        self._early_bytes = sum(len(kept.text) for kept in self._early.values())

    def _keep(self, payload: Payload) -> None:
        kept = self._early.get(payload.first)
        if kept is not None and kept.size >= payload.size:
            return
        size = len(payload.text)
        if len(self._early) >= MAX_EARLY_PAYLOADS or self._early_bytes + size > MAX_EARLY_BYTES:
            return  # `known` says that it exists: it is fetched with the gap
        if kept is not None:
            self._early_bytes -= len(kept.text)
        self._early[payload.first] = payload
        self._early_bytes += size

    def _advance(self, payload: Payload) -> list[Payload]:
        due = [self._pass(payload)]
        for first in sorted(self._early):
            if first > self.head + 1:
                break
            early = self._early.pop(first)
            self._early_bytes -= len(early.text)
            if early.first + early.size - 1 > self.head:
                due.append(self._pass(early))
        return due

    def _pass(self, payload: Payload) -> Payload:
        fresh = after(payload, self.head)
        self.head = fresh.first + fresh.size - 1
        if self.known < self.head:
            self.known = self.head
        return fresh


def after(payload: Payload, seq: int) -> Payload:
    """The part of a payload above `seq`; events are lines, one each."""
    known = seq - payload.first + 1
    if known <= 0:
        return payload
    return Payload(
        seq + 1,
        payload.size - known,
        [control for control in payload.controls if control.seq > seq],
        payload.text.split(b"\n", known)[known],
    )
