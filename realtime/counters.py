"""What this node counts, as plain numbers: adding to one costs nothing in the hot loop."""

from bisect import bisect_left
from collections import Counter
from typing import Final

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Times:
    """How often something took how many seconds: up to each of `SECONDS`, and more."""

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds


class Counters:
    """Only ever grow; metrics read them when they are asked for."""

    def __init__(self) -> None:
        self.accepted = 0
        self.payloads = 0
        self.deliveries = 0
        self.sends = 0
        self.repairs = 0
        self.replayed = 0
        self.songs_failed = 0
        self.bus_losses: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.drops: Counter[str] = Counter()
        self.refused_handshakes: Counter[str] = Counter()
        self.join_times = Times()
        self.send_times = Times()
        self.canary_times = Times()

    def drop(self, reason: str, number: int = 1) -> None:
        """Something was thrown away, and may have to be fetched again."""
        self.drops[reason] += number
