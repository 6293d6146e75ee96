"""Who a request comes from: access tokens, verified here with what users publishes.

Keys and revocations are polled from users and kept when it is gone, so that sends and reads go
on. Knows no route.
"""

import asyncio
import time

from common.calls import Calls
from common.errors import Refusal
from common.limits import ACCESS_TOKEN_SECONDS
from common.logs import log
from common.protocol.users import Empty, KeySet, Revocations, RevocationsRequest, TokensUsed
from common.tokens import Claims, TokenError, TokenVerifier

POLL_SECONDS = 0.5
POLL_TIMEOUT_SECONDS = 1.0
POLL_TRY_SECONDS = 0.4
KEYS_EVERY_POLLS = 10
MAX_FIRST_USES = 10_000
# A revoked session's last access token has run out by then, whatever the clocks say.
REMEMBER_SECONDS = ACCESS_TOKEN_SECONDS + 60


class Gate:
    """Lets in whose token is good. It holds keys, revoked sessions and first uses to report."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self._revoked: dict[str, float] = {}
        self._last_revocation = 0
        self._first_uses: list[tuple[str, int]] = []
        self.revocations_known = False
        self.used = asyncio.Event()
        self.wake = asyncio.Event()

    @property
    def missing(self) -> str | None:
        """What it cannot do without, or None."""
        if not self._verifier.has_keys:
            return "keys of users"
        return None if self.revocations_known else "revocations of users"

    def admit(self, authorization: str | None) -> Claims:
        """The caller, from the value of the Authorization header.

        Raises Refusal unauthenticated; unavailable while nothing was heard from users yet.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal("unauthenticated", "An access token is needed.")
        if missing := self.missing:
            log("not ready to verify", missing=missing)
            raise Refusal("unavailable", "The service is unavailable. Try again soon.")
        try:
            claims, first = self._verifier.verify(token.strip())
        except TokenError as error:
            raise Refusal("unauthenticated", "The access token is not valid.") from error
        if claims.session in self._revoked:
            raise Refusal("unauthenticated", "The access token is not valid.")
        if first and claims.generation > 0:
            self._report(claims)
        return claims

    def _report(self, claims: Claims) -> None:
        if len(self._first_uses) < MAX_FIRST_USES:
            self._first_uses.append((claims.session, claims.generation))
        self.used.set()

    def revoke(self, session: str) -> None:
        """The session's tokens are refused from now on."""
        self._revoked[session] = time.monotonic() + REMEMBER_SECONDS

    async def poll(self, users: Calls, *, key: str, with_keys: bool) -> None:
        """Asks users what is new. Raises Refusal where it does not answer."""
        if with_keys or not self._verifier.has_keys:
            keys = await users.call(
                "keys",
                Empty(),
                KeySet,
                key=key,
                timeout=POLL_TIMEOUT_SECONDS,
                try_timeout=POLL_TRY_SECONDS,
            )
            self._verifier.replace_keys(keys.keys)
        news = await users.call(
            "revocations",
            RevocationsRequest(after=self._last_revocation),
            Revocations,
            key=key,
            timeout=POLL_TIMEOUT_SECONDS,
            try_timeout=POLL_TRY_SECONDS,
        )
        for session in news.sessions:
            self.revoke(session)
        # A log that got shorter was restored from a copy: read it from its start.
        self._last_revocation = news.last if news.last >= self._last_revocation else 0
        self.revocations_known = True
        now = time.monotonic()
        while self._revoked and next(iter(self._revoked.values())) <= now:
            del self._revoked[next(iter(self._revoked))]

    async def report_uses(self, users: Calls) -> None:
        """Tells users what piled up. Raises Refusal and keeps it where users does not answer."""
        self.used.clear()
        uses, self._first_uses = self._first_uses, []
        if not uses:
            return
        try:
            await users.call("tokens_used", TokensUsed(used=uses), Empty)
        except Refusal:
            self._first_uses = (uses + self._first_uses)[:MAX_FIRST_USES]
            raise


async def watch_users(gate: Gate, users: Calls, *, name: str) -> None:
    """Polls keys and revocations every 500 ms, or when woken, until cancelled."""
    polls = 0
    reachable = True
    while True:
        gate.wake.clear()
        try:
            await gate.poll(users, key=name, with_keys=polls % KEYS_EVERY_POLLS == 0)
            polls += 1
            reachable = True
        except Refusal:
            if reachable:
                log("users does not answer, keeping keys and revocations")
            reachable = False
        try:
            async with asyncio.timeout(POLL_SECONDS if gate.missing is None else 0.1):
                await gate.wake.wait()
        except TimeoutError:
            continue


async def report_first_uses(gate: Gate, users: Calls) -> None:
    """Reports first uses of tokens, what piled up during a call with the next, until cancelled."""
    while True:
        await gate.used.wait()
        try:
            await gate.report_uses(users)
        except Refusal:
            await asyncio.sleep(POLL_SECONDS)
            gate.used.set()
