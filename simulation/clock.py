"""The simulation's time. Knows no loop, and of processes only their clocks' errors.

The product calls `time` itself, and binds its functions as defaults when it is imported, so a
worker installs this clock before it imports anything else.
"""

import os
import random
import time
from typing import Final

EPOCH: Final = 1_780_000_000.0  # where Unix time begins, in every run


class Clock:
    """Seconds since the run began. `skew` is the error of the process that is running: steps of its
    wall clock; the monotonic one has none."""

    def __init__(self) -> None:
        self.now = 0.0
        self.skew = 0.0
        self.is_installed = False
        self._entropy = random.Random()

    def reset(self, seed: str) -> None:
        """Starts a run: resets time, ids and all random numbers of the product."""
        self.now, self.skew = 0.0, 0.0
        self._entropy = random.Random(f"{seed} entropy")
        random.seed(f"{seed} product")

    def install(self) -> None:
        """From now on this process has this clock, and no entropy except the seed's."""
        self.is_installed = True
        time.monotonic = self.monotonic
        time.perf_counter = self.monotonic
        time.time = self.time
        time.time_ns = self.time_ns
        os.urandom = self.urandom

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH + self.now + self.skew

    def wall(self) -> float:
        """The time of a machine whose clock is right."""
        return EPOCH + self.now

    def time_ns(self) -> int:
        return int((EPOCH + self.now + self.skew) * 1e6) * 1000

    def urandom(self, size: int, /) -> bytes:
        return self._entropy.randbytes(size)


CLOCK: Final = Clock()
"""A process has one, because `time` is one."""
