"""How often a person, an account or an address may do what; the rates of the public contract."""

from contextlib import suppress
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from typing import Final

from common.protocol.errors import Refusal
from common.valkey.rates import SEND_KIND, SENDS, Rate, Verdict
from common.valkey.shared_rates import SharedBuckets
from edge.familiar import FamiliarAddresses

FAILED_LOG_INS: Final = Rate(10 / 60, 10)  # an account, and an address
SIGN_UPS: Final = Rate(20 / 3600, 20)  # an address
CHANGES: Final = Rate(5, 20)  # of chats and memberships, a user
NEW_CHATS: Final = Rate(60 / 60, 60)  # a user


class Limits:
    """Takes tokens, or refuses with what is left; `factor` raises every rate for load tests."""

    def __init__(self, buckets: SharedBuckets, familiar: FamiliarAddresses, factor: int) -> None:
        self._buckets = buckets
        self._familiar = familiar
        self._sends = SENDS.times(factor)
        self._failed_log_ins = FAILED_LOG_INS.times(factor)
        self._sign_ups = SIGN_UPS.times(factor)
        self._changes = CHANGES.times(factor)
        self._new_chats = NEW_CHATS.times(factor)

    async def take_send(self, user: str) -> None:
        """Raises Refusal rate_limited. Waits for Valkey only where another process may have taken
        what is left."""
        verdict = self._buckets.take_at_once(SEND_KIND, user, self._sends)
        if verdict is None:
            verdict = await self._buckets.take(SEND_KIND, user, self._sends)
        demand(verdict)

    async def take_change(self, user: str) -> None:
        """Of a chat or its participants, each of which reaches all of them. Raises Refusal
        rate_limited."""
        demand(await self._buckets.take("change", user, self._changes))

    async def take_new_chat(self, user: str) -> None:
        """Raises Refusal rate_limited."""
        demand(await self._buckets.take("new-chat", user, self._new_chats))

    async def take_sign_up(self, address: str) -> None:
        """Raises Refusal rate_limited."""
        demand(await self._buckets.take("sign-up", hash_address(address), self._sign_ups))

    def forgive_sign_up(self, address: str) -> None:
        """It was not tried after all."""
        self._buckets.give_back("sign-up", hash_address(address), self._sign_ups)

    async def take_log_in(self, username: str, address: str) -> None:
        """Counts a log-in as failed, for the account and the address, before it is tried, so that
        parallel ones cannot slip through. An address from where the account was used before is
        held to its own count alone. Raises Refusal rate_limited."""
        account, place = hash_name(username), hash_address(address)
        by_account = await self._buckets.take("log-in-account", account, self._failed_log_ins)
        if not by_account.allowed and not await self._familiar.knows(account, place):
            raise rate_limited(by_account)
        by_address = await self._buckets.take("log-in-address", place, self._failed_log_ins)
        if not by_address.allowed:
            if by_account.allowed:
                self._buckets.give_back("log-in-account", account, self._failed_log_ins)
            raise rate_limited(by_address)

    def forgive_log_in(self, username: str, address: str) -> None:
        """It did not fail after all."""
        account, place = hash_name(username), hash_address(address)
        self._buckets.give_back("log-in-account", account, self._failed_log_ins)
        self._buckets.give_back("log-in-address", place, self._failed_log_ins)

    async def welcome(self, username: str, address: str) -> None:
        """The account's owner is at the address."""
        await self._familiar.remember(hash_name(username), hash_address(address))

    async def take_password_check(self, user: str) -> None:
        """Counts a check of somebody's current password as failed. Raises Refusal rate_limited."""
        demand(await self._buckets.take("password", user, self._failed_log_ins))

    def forgive_password_check(self, user: str) -> None:
        """It did not fail after all."""
        self._buckets.give_back("password", user, self._failed_log_ins)


def hash_name(username: str) -> str:
    """What clients wrote is never part of a key's name; case makes no difference."""
    return blake2b(username.lower().encode(), digest_size=16).hexdigest()


def hash_address(address: str) -> str:
    """An IPv6 host has a whole /64 to itself, so that is what counts (RFC 4291 section 2.5.4)."""
    with suppress(ValueError):
        parsed = ip_address(address)
        if parsed.version == 6:
            address = str(ip_network((parsed, 64), strict=False))
    return blake2b(address.encode(), digest_size=16).hexdigest()


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
