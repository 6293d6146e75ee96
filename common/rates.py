"""Token buckets: how often somebody may do something, and when they may again.

Kept as one number a bucket, the moment at which it is full again (the generic cell rate
algorithm, ITU-T I.371 Annex A). Pure; who shares the buckets is not known here.
"""

import math
from collections import OrderedDict
from typing import NamedTuple


class Rate(NamedTuple):
    """`burst` at once from a full bucket; `per_second` flow back."""

    per_second: float
    burst: int

    def times(self, factor: int) -> "Rate":
        return Rate(self.per_second * factor, self.burst * factor)


class Verdict(NamedTuple):
    """`retry_after` and `reset` in whole seconds: until one, and until all may be taken."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: int
    reset: int


def judge(rate: Rate, full_at: float, now: float, cost: int = 1) -> tuple[Verdict, float]:
    """Takes `cost` tokens of a bucket that is full at `full_at`; returns when it is full then."""
    each = 1 / rate.per_second
    after = max(full_at, now) + cost * each
    # A hair of tolerance: sums of fractions must not refuse the last token of a full bucket.
    allowed = after - now <= rate.burst * each + 1e-6
    if not allowed:
        after = max(full_at, now)
    left = max(0, math.floor(rate.burst - (after - now) / each + 1e-6))
    wait = 0 if allowed else max(1, math.ceil(after - now + cost * each - rate.burst * each))
    return Verdict(allowed, rate.burst, left, wait, max(1, math.ceil(after - now))), after


class Buckets:
    """The buckets of one process; full ones are forgotten, the number is bounded."""

    def __init__(self, *, max_buckets: int = 100_000) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._max_buckets = max_buckets

    def take(self, key: str, rate: Rate, now: float) -> Verdict:
        """One token, if there is one."""
        verdict, after = judge(rate, self._full_at.get(key, now), now)
        self._keep(key, after, now)
        return verdict

    def give_back(self, key: str, rate: Rate, now: float) -> None:
        """The token that was taken last did not have to be."""
        if (full_at := self._full_at.get(key)) is not None:
            self._keep(key, full_at - 1 / rate.per_second, now)

    def _keep(self, key: str, full_at: float, now: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        while self._full_at:
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= self._max_buckets:
                break
            del self._full_at[oldest]
