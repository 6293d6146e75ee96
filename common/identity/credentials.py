"""Which tokens are valid: public keys and revoked sessions, kept current from users.

Each process of edge, realtime and files has one. While users is down, the last keys and revocations
apply, so that sends and reads go on. Knows no request and no socket: it tells its callers which
sessions have just been revoked.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from common.calls.calls import Calls
from common.identity.tokens import Claims, TokenVerifier
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal
from common.protocol.ids import is_id
from common.protocol.limits import ACCESS_TOKEN_SECONDS
from common.protocol.users import Empty, KeySet, Revocations, RevocationsRequest, TokensUsed

T = TypeVar("T")

POLL_SECONDS: Final = 0.5
POLL_TIMEOUT_SECONDS: Final = 1.0
POLL_TRY_SECONDS: Final = 0.4  # a hung replica must not use up the second that a revocation has
AT_REST_SECONDS: Final = 10.0  # then requests wait for a poll
FIRST_POLL_SECONDS: Final = 0.1  # until users has answered once
KEYS_EVERY_POLLS: Final = 10  # a new key is published a minute before it signs
MAX_UNTOLD: Final = 10_000
# By then a revoked session's last access token has expired, whatever the clocks say.
REMEMBER_SECONDS: Final = ACCESS_TOKEN_SECONDS + 60
TOLD_SECONDS: Final = 0.2  # for so long a request waits until users knows of its token


class SessionRevoked(Exception):
    """The token is valid, but its session has ended."""


class Credentials:
    """`name` is this process's: it spreads the polls of many processes over users' replicas.
    `revoked` is called with the sessions that were revoked since the last time."""

    def __init__(
        self,
        users: Calls,
        name: str,
        revoked: Callable[[Sequence[str]], None] = lambda _: None,
        rest: Rest = NEVER,
    ) -> None:
        self._users = users
        self._name = name
        self._tell_revoked = revoked
        self._rest = rest
        self._verifier = TokenVerifier()
        self._revoked: dict[str, float] = {}  # session: when it may be forgotten
        self._last_number = 0
        self._knows_revocations = False
        # Sessions and generations of tokens seen here, of which users does not know yet.
        self._untold: set[tuple[str, int]] = set()
        self._told = asyncio.Event()  # set when a report has ended, then replaced
        self._is_heard = True  # whether the last report was
        self._woken = asyncio.Event()
        self._caught_up = asyncio.Event()  # not set while polls are far apart
        self._caught_up.set()
        self._used = asyncio.Event()

    @property
    def missing(self) -> str | None:
        """What is missing before it can verify tokens, or None."""
        if not self._verifier.has_keys:
            return "keys of users"
        return None if self._knows_revocations else "revocations of users"

    @property
    def is_behind(self) -> bool:
        """Whether revocations were not polled lately: after a rest, or at the start."""
        return not self._caught_up.is_set()

    async def catch_up(self) -> None:
        """Waits until users was asked. If that failed, the last answer applies."""
        self._woken.set()
        await self._caught_up.wait()

    def verify(self, token: str, *, also_revoked: bool = False) -> Claims:
        """Raises TokenExpired, TokenError or SessionRevoked."""
        claims, is_new = self._verifier.verify(token)
        if self.is_revoked(claims.session):
            if also_revoked:
                return claims
            raise SessionRevoked
        if is_new and claims.generation > 0:
            if len(self._untold) < MAX_UNTOLD:
                self._untold.add((claims.session, claims.generation))
            self._used.set()
        return claims

    def is_untold(self, claims: Claims) -> bool:
        """Whether users does not know yet that this token is in use, which makes the refresh tokens
        before its own used up."""
        return bool(self._untold) and (claims.session, claims.generation) in self._untold

    async def wait_until_told(self, claims: Claims) -> None:
        """Waits until users knows that the token is in use; not for long, and not while users does
        not answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_SECONDS):
                while self._is_heard and self.is_untold(claims):
                    await self._told.wait()

    def is_revoked(self, session: str) -> bool:
        """Whether the session has ended."""
        return session in self._revoked

    def revoke(self, session: str) -> None:
        """Refuses the session's tokens here from now on; users has already ended it."""
        self._revoked[session] = time.monotonic() + REMEMBER_SECONDS

    def hear(self, notice: bytes) -> None:
        """users names sessions that it has just ended, separated by spaces. If they are many, and
        in the previous release, it names none."""
        named = notice.decode(errors="replace").split()
        self._end([session for session in named if is_id(session)])
        self.wake()

    def hear_bus(self, messages: Sequence[Sequence[bytes]]) -> None:
        """The same for [kind, topic, notice] from a bus that subscribes nothing else."""
        for *_, notice in messages:
            self.hear(notice)

    def wake(self, *_: object) -> None:
        """Something was revoked: poll at once."""
        self._woken.set()

    async def watch(self) -> None:
        """Polls users every half second, for keys less often, until cancelled. Polls are rarer at
        rest: no socket is open then, and a request with a token waits for the next poll."""
        polls = 0
        is_reachable = True
        self._caught_up.clear()  # the first request to a new process waits for its first poll
        while True:
            self._woken.clear()
            try:
                await self._poll(with_keys=polls % KEYS_EVERY_POLLS == 0 or self.is_behind)
                polls += 1
                is_reachable = True
            except Refusal:
                if is_reachable:
                    log("users does not answer, keeping keys and revocations")
                is_reachable = False
            if self.missing:
                self._caught_up.set()  # nobody is let in, so nobody has to wait for it
                await NEVER.wait(self._woken, FIRST_POLL_SECONDS)
                continue
            if self._rest.has_begun():
                self._caught_up.clear()
                await self._rest.wait(self._woken, POLL_SECONDS, AT_REST_SECONDS)
            else:
                self._caught_up.set()
                await NEVER.wait(self._woken, POLL_SECONDS)

    async def report_uses(self) -> None:
        """Tells users which tokens were seen for the first time, until cancelled."""
        while True:
            await self._used.wait()
            self._used.clear()
            uses = list(self._untold)
            try:
                await self._users.call("tokens_used", TokensUsed(used=uses), Empty)
                self._is_heard = True
                self._untold.difference_update(uses)
            except Refusal:
                self._is_heard = False
                self._used.set()
            finally:
                self._told.set()
                self._told = asyncio.Event()
            if not self._is_heard:
                await asyncio.sleep(POLL_SECONDS)

    async def _poll(self, *, with_keys: bool) -> None:
        if with_keys or not self._verifier.has_keys:
            self._verifier.replace_keys((await self._ask("keys", Empty(), KeySet)).keys)
        request = RevocationsRequest(after=self._last_number)
        news = await self._ask("revocations", request, Revocations)
        self._end(news.sessions)
        # A log that got shorter was restored from a backup: read it from its start.
        self._last_number = news.last if news.last >= self._last_number else 0
        self._knows_revocations = True
        now = time.monotonic()
        while self._revoked and next(iter(self._revoked.values())) <= now:
            del self._revoked[next(iter(self._revoked))]

    def _end(self, sessions: Sequence[str]) -> None:
        fresh = [session for session in sessions if session not in self._revoked]
        for session in fresh:
            self.revoke(session)
        if fresh:
            self._tell_revoked(fresh)

    async def _ask(self, name: str, request: Any, answer: type[T]) -> T:
        return await self._users.call(
            name,
            request,
            answer,
            key=self._name,
            timeout=POLL_TIMEOUT_SECONDS,
            try_timeout=POLL_TRY_SECONDS,
        )
