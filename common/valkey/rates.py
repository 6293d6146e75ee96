"""Token buckets: how often somebody may do something, and when they may again.

Kept as one number a bucket, the moment at which it is full again (the generic cell rate
algorithm, ITU-T I.371 Annex A). Pure; which processes share the buckets is not known here.
"""

import math
from collections import OrderedDict
from typing import Final, NamedTuple

from common.protocol.errors import Refusal


class Rate(NamedTuple):
    """`burst` at once from a full bucket; `per_second` flow back."""

    per_second: float
    burst: int

    def times(self, factor: int) -> "Rate":
        return Rate(self.per_second * factor, self.burst * factor)


SENDS: Final = Rate(10, 50)  # a user, over REST and sockets together
SEND_KIND: Final = "send"  # the name of those buckets


class Verdict(NamedTuple):
    """`retry_after` and `reset` in whole seconds: until one, and until all may be taken."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: int
    reset: int


TOLERANCE_SECONDS: Final = 1e-6  # sums of fractions must not refuse the last token


def judge(rate: Rate, full_at: float, now: float) -> tuple[Verdict, float]:
    """Takes a token of a bucket that is full at `full_at`; returns when it is full then."""
    before = max(full_at, now)
    after = before + 1 / rate.per_second
    allowed = after - now <= rate.burst / rate.per_second + TOLERANCE_SECONDS
    full_at = after if allowed else before
    return describe(rate, full_at - now, allowed), full_at


def describe(rate: Rate, full_in: float, allowed: bool) -> Verdict:
    """The verdict for a bucket that is full again in `full_in` seconds."""
    missing = full_in * rate.per_second
    left = max(0, math.floor(rate.burst - missing + TOLERANCE_SECONDS))
    wait = 0 if allowed else max(1, math.ceil((missing + 1 - rate.burst) / rate.per_second))
    return Verdict(allowed, rate.burst, left, wait, max(1, math.ceil(full_in)))


class Buckets:
    """The buckets of one process; full ones are forgotten, the number is bounded."""

    def __init__(self, *, max_buckets: int = 100_000) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._max_buckets = max_buckets

    def take(self, key: str, rate: Rate, now: float) -> Verdict:
        """One token, if there is one."""
        verdict, after = judge(rate, self._full_at.get(key, now), now)
        self.set_full_at(key, after, now)
        return verdict

    def give_back(self, key: str, rate: Rate, now: float) -> None:
        """The token that was taken last did not have to be."""
        if (full_at := self._full_at.get(key)) is not None:
            self.set_full_at(key, full_at - 1 / rate.per_second, now)

    def full_in(self, key: str, now: float) -> float:
        """Seconds until it is full; 0 where it is."""
        return max(0.0, self._full_at.get(key, now) - now)

    def set_full_at(self, key: str, full_at: float, now: float) -> None:
        """What somebody knows better."""
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        while self._full_at:
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= self._max_buckets:
                break
            del self._full_at[oldest]


def demand(verdict: Verdict) -> None:
    """Raises Refusal rate_limited."""
    if not verdict.allowed:
        raise rate_limited(verdict)


def rate_limited(verdict: Verdict) -> Refusal:
    return Refusal(
        "rate_limited",
        "Too many requests. Wait a little.",
        retry_after=verdict.retry_after,
        headers={
            "RateLimit-Limit": str(verdict.limit),
            "RateLimit-Remaining": str(verdict.remaining),
            "RateLimit-Reset": str(verdict.reset),
        },
    )
