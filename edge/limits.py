"""Rate limits by user, account and address: the rates of the public contract."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Final
from unicodedata import combining, normalize

from common.calls.balancer import network_of
from common.process.logs import log
from common.protocol.errors import Refusal
from common.valkey.rates import SEND_KIND, SENDS, Rate, Verdict, demand
from common.valkey.shared_rates import SharedBuckets
from edge.attempts import Attempts, Counted
from edge.known_addresses import KnownAddresses

WRONG_PASSWORDS: Final = Rate(10 / 60, 10)  # of log-ins per account and per address; else per user
SIGN_UPS: Final = Rate(20 / 3600, 20)  # per address
TAKEN_EMAILS: Final = Rate(20 / 3600, 20)  # tried as a new e-mail address, per user
CHANGES: Final = Rate(5, 20)  # of chats, memberships and invitations, per user
NEW_CHATS: Final = Rate(60 / 60, 60)  # per user
SEARCHES: Final = Rate(10, 20)  # per user
MAX_USERNAME: Final = 32  # characters; nothing longer is an account, so nothing longer is folded


class Limits:
    """Takes tokens, or refuses and says what is left; `factor` raises every rate for load tests."""

    def __init__(self, buckets: SharedBuckets, known: KnownAddresses, factor: int) -> None:
        self._buckets = buckets
        self._known = known
        self._sends = SENDS.times(factor)
        self._passwords = Attempts(buckets, WRONG_PASSWORDS.times(factor), "invalid_credentials")
        self._emails = Attempts(buckets, TAKEN_EMAILS.times(factor), "email_taken")
        self._sign_ups = SIGN_UPS.times(factor)
        self._changes = CHANGES.times(factor)
        self._new_chats = NEW_CHATS.times(factor)
        self._searches = SEARCHES.times(factor)

    async def take_send(self, user: str) -> None:
        """Raises Refusal rate_limited. Waits for Valkey only if another process may have taken what
        is left."""
        verdict = self._buckets.take_at_once(SEND_KIND, user, self._sends)
        if verdict is None:
            verdict = await self._buckets.take(SEND_KIND, user, self._sends)
        demand(verdict)

    def forgive_send(self, user: str) -> None:
        """Gives the token back: no event was created."""
        self._buckets.give_back(SEND_KIND, user, self._sends)

    async def take_change(self, user: str) -> None:
        """For a change of a chat, its participants or invitations. Raises Refusal rate_limited."""
        demand(await self._buckets.take("change", user, self._changes))

    async def take_new_chat(self, user: str) -> None:
        """Raises Refusal rate_limited."""
        demand(await self._buckets.take("new-chat", user, self._new_chats))

    def forgive_new_chat(self, user: str) -> None:
        """Gives the token back: the chat already existed."""
        self._buckets.give_back("new-chat", user, self._new_chats)

    async def take_search(self, user: str) -> None:
        """Raises Refusal rate_limited."""
        demand(await self._buckets.take("search", user, self._searches))

    async def take_sign_up(self, address: str) -> None:
        """Raises Refusal rate_limited."""
        verdict = await self._buckets.take("sign-up", hash_address(address), self._sign_ups)
        if not verdict.allowed:
            raise refuse_address("sign-ups", address, verdict)

    def forgive_sign_up(self, address: str) -> None:
        """Gives the token back: it was not tried."""
        self._buckets.give_back("sign-up", hash_address(address), self._sign_ups)

    @asynccontextmanager
    async def as_log_in(self, username: str, address: str) -> AsyncIterator[None]:
        """The block counts as a failed log-in, for the account and the address, if it finds the
        password wrong. An address from which the account was used before is limited by its own
        count alone. Raises Refusal rate_limited."""
        account = Counted("log-in-account", hash_name(username))
        place = Counted("log-in-address", hash_address(address))
        async with self._passwords.trying(account) as by_account:
            if not by_account.allowed and not await self._known.knows(account.whom, place.whom):
                raise refuse_address("log-ins of the account", address, by_account)
            async with self._passwords.trying(place) as by_address:
                if not by_address.allowed:
                    raise refuse_address("log-ins of the address", address, by_address)
                yield

    async def remember_address(self, username: str, address: str) -> None:
        """Notes that the account's owner uses the address."""
        await self._known.remember(hash_name(username), hash_address(address))

    @asynccontextmanager
    async def as_password_check(self, user: str) -> AsyncIterator[None]:
        """The block counts if it finds somebody's current password wrong. Raises Refusal
        rate_limited."""
        async with self._passwords.trying(Counted("password", user)) as verdict:
            demand(verdict)
            yield

    @asynccontextmanager
    async def as_new_email(self, user: str) -> AsyncIterator[None]:
        """The block counts if it finds that the e-mail address is another account's: otherwise a
        user could try out whose addresses have accounts. Raises Refusal rate_limited."""
        async with self._emails.trying(Counted("email", user)) as verdict:
            demand(verdict)
            yield


def hash_name(username: str) -> str:
    """Text from clients is never part of a key's name; all spellings of a name share one key."""
    return blake2b(fold_name(username).encode(), digest_size=16).hexdigest()


def fold_name(username: str) -> str:
    """The account that a name could be mistaken for. For a name that may exist, it is the name as
    users compares it; any other, such as `alİce`, counts for the account that it resembles, so that
    no look-alike spelling has a bucket of its own."""
    if username.isascii() or len(username) > MAX_USERNAME:
        return username.lower()
    letters = normalize("NFKD", username)
    return "".join(letter for letter in letters if not combining(letter)).casefold()


def hash_address(address: str) -> str:
    return blake2b(network_of(address).encode(), digest_size=16).hexdigest()


def refuse_address(limit: str, address: str, verdict: Verdict) -> Refusal:
    """Logs the client's address, so that an operator can tell one client that guesses passwords
    from many behind a shared proxy; no other line does."""
    log("address refused", level=logging.WARNING, limit=limit, client=network_of(address))
    return verdict.refusal()
