"""Whose token is good: public keys and revoked sessions, kept current from users.

When users is gone the last keys and revocations stand. Knows no socket: it tells whoever asked
which sessions have just been revoked.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from common.errors import Refusal
from common.limits import ACCESS_TOKEN_SECONDS
from common.logs import log
from common.tokens import Claims, TokenVerifier
from realtime.upstream import Users

POLL_SECONDS: Final = 0.5
KEYS_EVERY_POLLS: Final = 10
MAX_UNREPORTED_USES: Final = 10_000
# A revoked session's last access token has run out by then, whatever the clocks say.
REMEMBER_SECONDS: Final = ACCESS_TOKEN_SECONDS + 60


class SessionRevoked(Exception):
    """The token is good, but its session was ended."""


class Credentials:
    """`revoked` is called with the sessions that were revoked since the last time."""

    def __init__(
        self, users: Users, verifier: TokenVerifier, revoked: Callable[[Sequence[str]], None]
    ) -> None:
        self._users = users
        self._verifier = verifier
        self._tell_revoked = revoked
        self._revoked: dict[str, float] = {}  # session: when it may be forgotten
        self._last_number = 0
        self._polls = 0
        self._unreported: list[tuple[str, int]] = []
        self._woken = asyncio.Event()
        self._used = asyncio.Event()
        self.is_ready = False

    def verify(self, token: str) -> Claims:
        """Raises TokenExpired, TokenError or SessionRevoked."""
        claims, is_new = self._verifier.verify(token)
        if self.is_revoked(claims.session):
            raise SessionRevoked
        if is_new and claims.generation > 0:
            if len(self._unreported) < MAX_UNREPORTED_USES:
                self._unreported.append((claims.session, claims.generation))
            self._used.set()
        return claims

    def is_revoked(self, session: str) -> bool:
        """Whether the session was ended."""
        return session in self._revoked

    def wake(self, _: bytes = b"") -> None:
        """Something was revoked: ask at once."""
        self._woken.set()

    async def watch(self) -> None:
        """Asks users every half second, for keys more seldom, until cancelled."""
        is_reachable = True
        while True:
            self._woken.clear()
            try:
                await self._poll()
                is_reachable = True
            except Refusal:
                if is_reachable:
                    log("users does not answer, keeping keys and revocations")
                is_reachable = False
            try:
                async with asyncio.timeout(POLL_SECONDS if self.is_ready else 0.1):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def report_uses(self) -> None:
        """Tells users which tokens were seen for the first time, until cancelled."""
        while True:
            await self._used.wait()
            self._used.clear()
            uses, self._unreported = self._unreported, []
            try:
                await self._users.tokens_used(uses)
            except Refusal:
                self._unreported = (uses + self._unreported)[:MAX_UNREPORTED_USES]
                self._used.set()
                await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> None:
        if self._polls % KEYS_EVERY_POLLS == 0 or not self._verifier.has_keys:
            # A new key is published a minute before it signs.
            self._verifier.replace_keys((await self._users.keys()).keys)
        news = await self._users.revocations(self._last_number)
        self._polls += 1
        now = time.monotonic()
        fresh = [session for session in news.sessions if session not in self._revoked]
        for session in fresh:
            self._revoked[session] = now + REMEMBER_SECONDS
        # A log that got shorter was restored from a copy: read it from its start.
        self._last_number = news.last if news.last >= self._last_number else 0
        while self._revoked and next(iter(self._revoked.values())) <= now:
            del self._revoked[next(iter(self._revoked))]
        self.is_ready = self._verifier.has_keys
        if fresh:
            self._tell_revoked(fresh)
