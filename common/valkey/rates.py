"""Token buckets: how often somebody may do something, and when they may do it again.

Stored as one number per bucket, the moment at which it is full again (the generic cell rate
algorithm, ITU-T I.371 Annex A). Pure; does not know which processes share the buckets.
"""

import math
from collections import OrderedDict
from typing import Final, NamedTuple

from common.protocol.errors import Refusal


class Rate(NamedTuple):
    """`burst` at once from a full bucket; `per_second` tokens are added."""

    per_second: float
    burst: int

    def times(self, factor: int) -> "Rate":
        return Rate(self.per_second * factor, self.burst * factor)


SENDS: Final = Rate(10, 50)  # per user, over REST and sockets together
SEND_KIND: Final = "send"  # the name of those buckets
TOLERANCE_SECONDS: Final = 1e-6  # rounding errors of sums must not refuse the last token


class Verdict(NamedTuple):
    """For a bucket that is full again in `full_in` seconds. The details of a refusal are computed
    only on demand: nearly all requests are allowed."""

    allowed: bool
    rate: Rate
    full_in: float

    @property
    def limit(self) -> int:
        return self.rate.burst

    @property
    def remaining(self) -> int:
        """Tokens that are left."""
        return max(0, math.floor(self.rate.burst - self._missing + TOLERANCE_SECONDS))

    @property
    def retry_after(self) -> int:
        """Whole seconds until a token is available."""
        if self.allowed:
            return 0
        return max(1, math.ceil((self._missing + 1 - self.rate.burst) / self.rate.per_second))

    @property
    def reset(self) -> int:
        """Whole seconds until all are available."""
        return max(1, math.ceil(self.full_in))

    def refusal(self) -> Refusal:
        """The refusal for a request that was not allowed."""
        return rate_limited(
            limit=self.limit,
            remaining=self.remaining,
            retry_after=self.retry_after,
            reset=self.reset,
        )

    @property
    def _missing(self) -> float:
        return self.full_in * self.rate.per_second


def judge(rate: Rate, full_at: float, now: float) -> tuple[Verdict, float]:
    """Takes a token from a bucket that is full at `full_at`; returns when it is full after that."""
    before = full_at if full_at > now else now
    after = before + 1 / rate.per_second
    if after - now > rate.burst / rate.per_second + TOLERANCE_SECONDS:
        return Verdict(False, rate, before - now), before
    return Verdict(True, rate, after - now), after


class Buckets:
    """The buckets of one process; full ones are dropped, the number is bounded."""

    def __init__(self, *, max_buckets: int = 100_000) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._max_buckets = max_buckets

    def take(self, key: str, rate: Rate, now: float) -> Verdict:
        """One token, if there is one."""
        verdict, self._full_at[key] = judge(rate, self._full_at.get(key, now), now)
        self._full_at.move_to_end(key)
        while self._full_at:
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= self._max_buckets:
                break
            del self._full_at[oldest]
        return verdict


def demand(verdict: Verdict) -> None:
    """Raises Refusal rate_limited."""
    if not verdict.allowed:
        raise verdict.refusal()


def rate_limited(*, limit: int, remaining: int, retry_after: int, reset: int) -> Refusal:
    """`limit` and `remaining` in requests, the others in seconds."""
    return Refusal(
        "rate_limited",
        "Too many requests. Wait a little.",
        retry_after=retry_after,
        headers={
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(reset),
        },
    )
