"""How often a person, an account or an address may do what; the rates of the public contract."""

from hashlib import blake2b
from typing import Final

from common.errors import Refusal
from common.rates import SEND_KIND, SENDS, Rate, Verdict
from common.shared_rates import SharedBuckets

FAILED_LOG_INS: Final = Rate(10 / 60, 10)  # an account, and an address
SIGN_UPS: Final = Rate(20 / 3600, 20)  # an address


class Limits:
    """Takes tokens, or refuses with what is left; `factor` raises every rate for load tests."""

    def __init__(self, buckets: SharedBuckets, factor: int) -> None:
        self._buckets = buckets
        self._sends = SENDS.times(factor)
        self._failed_log_ins = FAILED_LOG_INS.times(factor)
        self._sign_ups = SIGN_UPS.times(factor)

    def take_send(self, user: str) -> None:
        """Raises Refusal rate_limited. Nobody waits for Valkey to send a message."""
        demand(self._buckets.take_at_once(SEND_KIND, user, self._sends))

    async def take_sign_up(self, address: str) -> None:
        """Raises Refusal rate_limited."""
        demand(await self._buckets.take("sign-up", _hash(address), self._sign_ups))

    def forgive_sign_up(self, address: str) -> None:
        """It was not tried after all."""
        self._buckets.give_back("sign-up", _hash(address), self._sign_ups)

    async def take_log_in(self, username: str, address: str) -> None:
        """Counts a log-in as failed, for the account and the address, before it is tried, so that
        parallel ones cannot slip through. Raises Refusal rate_limited."""
        rate = self._failed_log_ins
        account, place = _hash(username.lower()), _hash(address)
        demand(await self._buckets.take("log-in-account", account, rate))
        verdict = await self._buckets.take("log-in-address", place, rate)
        if not verdict.allowed:
            self._buckets.give_back("log-in-account", account, rate)
        demand(verdict)

    def forgive_log_in(self, username: str, address: str) -> None:
        """It did not fail after all."""
        rate = self._failed_log_ins
        self._buckets.give_back("log-in-account", _hash(username.lower()), rate)
        self._buckets.give_back("log-in-address", _hash(address), rate)


def _hash(text: str) -> str:
    """What clients wrote is never part of a key's name."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


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
