"""How often a person, an account or an address may do what; the rates of the public contract."""

import time
from typing import Final

from common.errors import Refusal
from common.rates import Buckets, Rate, Verdict

SENDS: Final = Rate(10, 50)  # a user
FAILED_LOG_INS: Final = Rate(10 / 60, 10)  # an account, and an address
SIGN_UPS: Final = Rate(20 / 3600, 20)  # an address


class Limits:
    """Takes tokens, or refuses with what is left; `factor` raises every rate for load tests."""

    def __init__(self, buckets: Buckets, factor: int) -> None:
        self._buckets = buckets
        self._factor = factor

    async def take_send(self, user: str) -> None:
        """Raises Refusal rate_limited."""
        self._take(f"send:{user}", SENDS)

    async def take_sign_up(self, address: str) -> None:
        """Raises Refusal rate_limited."""
        self._take(f"sign-up:{address}", SIGN_UPS)

    async def forgive_sign_up(self, address: str) -> None:
        """It was not tried after all."""
        self._give_back(f"sign-up:{address}", SIGN_UPS)

    async def take_log_in(self, username: str, address: str) -> None:
        """Counts a log-in as failed, for the account and the address, before it is tried, so that
        parallel ones cannot slip through. Raises Refusal rate_limited."""
        account_key, address_key = _log_in_keys(username, address)
        self._take(account_key, FAILED_LOG_INS)
        try:
            self._take(address_key, FAILED_LOG_INS)
        except Refusal:
            self._give_back(account_key, FAILED_LOG_INS)
            raise

    async def forgive_log_in(self, username: str, address: str) -> None:
        """It did not fail after all."""
        for key in _log_in_keys(username, address):
            self._give_back(key, FAILED_LOG_INS)

    def _take(self, key: str, rate: Rate) -> None:
        verdict = self._buckets.take(key, rate.times(self._factor), time.monotonic())
        if not verdict.allowed:
            raise rate_limited(verdict)

    def _give_back(self, key: str, rate: Rate) -> None:
        self._buckets.give_back(key, rate.times(self._factor), time.monotonic())


def _log_in_keys(username: str, address: str) -> tuple[str, str]:
    return f"log-in:account:{username.lower()}", f"log-in:address:{address}"


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
