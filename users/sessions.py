"""Sessions: pairs of an access token and a refresh token, their rotation and their end.

A session's generation counts its refreshes. The client is known to hold a generation once it shows
that generation's refresh token, or its access token was seen. Refresh tokens older than that are
used up. The one before the newest may come from a client that lost the answer, or from another
window of it: it still works, and returns the same newest one again, so that either answer is valid.
The newest one is encrypted with the one before it, so nobody else can read it here.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum

from prometheus_client import Counter

from common.database.failures import retry_busy
from common.database.pool import Connection, Pool, begin
from common.identity.wrapping import Wrapping, WrongSecret
from common.protocol.errors import not_found
from common.protocol.ids import new_id
from common.protocol.limits import ACCESS_TOKEN_SECONDS, REFRESH_TOKEN_SECONDS
from common.protocol.users import (
    Account,
    Empty,
    EndOtherSessions,
    EndSession,
    Grant,
    ListSessions,
    RefreshSession,
    Revocations,
    RevocationsRequest,
    Session,
    SessionList,
    TokensUsed,
)
from common.protocol.wire import wire_time
from common.valkey.valkey import Valkey
from users.roles import unauthenticated
from users.signing import SigningKeys
from users.store import sessions as store

NOTICE_SECONDS = 0.5  # of a Valkey that hangs
MAX_NAMED = 100
MAX_SESSIONS_A_USER = 200  # so that all of them can be ended in one statement
SURPLUS_AT_ONCE = 1_000  # of sessions from before there was a limit

REVOKED = Counter("hubbub_users_sessions_revoked", "Sessions ended before their time", ["reason"])


class Shown(Enum):
    """The possible states of a refresh token that a client shows."""

    GOOD = "good"
    DEAD = "unknown, or of a session that has ended"
    USED = "used up: two parties hold tokens of this session"


def judge_refresh_token(found: store.RefreshRow | None) -> Shown:
    if found is None or not found.is_alive:
        return Shown.DEAD
    return Shown.USED if found.token_generation < found.held else Shown.GOOD


class RevocationNotices:
    """Notifies the processes that poll the revocation log; a lost notice delays them until the next
    poll."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def send(self, sessions: Sequence[str]) -> None:
        """If Valkey answers in time, it has passed the notice on when this returns."""
        named = sessions if len(sessions) <= MAX_NAMED else ()  # without names they poll
        with suppress(TimeoutError):
            async with asyncio.timeout(NOTICE_SECONDS):
                await self._valkey.pass_on(self._valkey.topics.revoked, " ".join(named).encode())


class Sessions:
    """The calls about sessions."""

    def __init__(self, pool: Pool, keys: SigningKeys, notices: RevocationNotices) -> None:
        self._pool = pool
        self._keys = keys
        self._notices = notices

    async def start_session(self, account: Account, password_number: int) -> Grant | None:
        """A new session for a user who has proved their identity; None if the password was changed
        since. If they have too many then, the ones that were refreshed longest ago end."""
        session, refresh_token = new_id(), _new_refresh_token()

        async def attempt() -> list[str] | None:
            async with begin(self._pool) as connection:
                if not await store.insert_session(
                    connection,
                    session,
                    account.id,
                    password_number,
                    _hash(refresh_token),
                    REFRESH_TOKEN_SECONDS,
                ):
                    return None
                return await store.revoke_surplus_sessions(
                    connection, account.id, MAX_SESSIONS_A_USER, SURPLUS_AT_ONCE
                )

        revoked = await retry_busy(attempt)
        if revoked is None:
            return None
        await self.announce_revocations(revoked, "too many")
        return self._grant(account, session, 0, refresh_token)

    async def refresh(self, request: RefreshSession) -> Grant:
        """The next generation's tokens. Raises Refusal `unauthenticated`."""
        return await retry_busy(lambda: self._refresh(request.refresh_token))

    async def _refresh(self, shown: str) -> Grant:
        grant, revoked = None, list[str]()
        async with begin(self._pool) as connection:
            found = await store.lock_session_of_token(connection, _hash(shown))
            judgement = judge_refresh_token(found)
            if found and judgement is Shown.GOOD:
                grant = await self._give_next(connection, found, shown)
            elif found and judgement is Shown.USED:
                revoked = await store.revoke_session(connection, found.session)
        if grant:
            return grant
        if judgement is Shown.USED:
            await self.announce_revocations(revoked, "refresh token used again")
        raise unauthenticated()

    async def _give_next(
        self, connection: Connection, found: store.RefreshRow, shown: str
    ) -> Grant:
        generation, refresh_token = found.generation, _open_successor(found, shown)
        if refresh_token is not None:
            await store.prolong_session(
                connection, found, _hash(refresh_token), REFRESH_TOKEN_SECONDS
            )
        else:
            generation, refresh_token = generation + 1, _new_refresh_token()
            sealed = Wrapping(shown).wrap(
                _name_successor(found.session, generation), refresh_token.encode()
            )
            await store.advance_session(
                connection, found, _hash(refresh_token), sealed, REFRESH_TOKEN_SECONDS
            )
        account = Account(id=found.user, username=found.username, email=found.email)
        return self._grant(account, found.session, generation, refresh_token)

    async def log_out(self, request: EndSession) -> Empty:
        """Ends one session of the user. Raises Refusal `not_found` if it is not theirs."""

        async def attempt() -> list[str]:
            async with begin(self._pool) as connection:
                if not await store.has_session(connection, request.user, request.session):
                    raise not_found()
                return await store.revoke_session(connection, request.session)

        await self.announce_revocations(await retry_busy(attempt), "log-out")
        return Empty()

    async def end_other_sessions(self, request: EndOtherSessions) -> Empty:
        """Ends all of the user's sessions except `keep`."""

        async def attempt() -> list[str]:
            async with begin(self._pool) as connection:
                return await store.revoke_sessions_of(connection, request.user, request.keep)

        await self.announce_revocations(await retry_busy(attempt), "log-out of the others")
        return Empty()

    async def announce_revocations(self, sessions: Sequence[str], reason: str) -> None:
        """Call it after the commit of the transaction that revoked, and before its caller is
        answered, who must not find them alive at another edge."""
        if sessions:
            REVOKED.labels(reason).inc(len(sessions))
            await self._notices.send(sessions)

    async def list_sessions(self, request: ListSessions) -> SessionList:
        """Those that have not ended, newest first."""
        return SessionList(
            sessions=[
                Session(
                    id=row.id,
                    created_at=wire_time(row.created_at),
                    refreshed_at=wire_time(row.refreshed_at),
                    expires_at=wire_time(row.expires_at),
                )
                for row in await store.list_living_sessions(self._pool, request.user)
            ]
        )

    async def tokens_used(self, request: TokensUsed) -> Empty:
        """From now on the refresh tokens before these generations are used up."""
        newest: dict[str, int] = {}
        for session, generation in request.used:
            newest[session] = max(generation, newest.get(session, 0))
        if newest:
            await retry_busy(lambda: store.mark_held(self._pool, newest))
        return Empty()

    async def revocations(self, request: RevocationsRequest) -> Revocations:
        sessions, last = await store.revocations_after(self._pool, request.after)
        return Revocations(sessions=sessions, last=last)

    def _grant(self, account: Account, session: str, generation: int, refresh_token: str) -> Grant:
        return Grant(
            user=account,
            token=self._keys.sign_access_token(account.id, session, generation),
            refresh_token=refresh_token,
            expires_in=ACCESS_TOKEN_SECONDS,
        )


def _new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def _name_successor(session: str, generation: int) -> str:
    """The name that authenticates it: the previous release begins generations without changing this
    column.

    A successor derived from the token and an operator's secret would need no storage, but anybody
    with two tokens could then test guesses of that secret.
    """
    return f"refresh token {generation} of {session}"


def _open_successor(found: store.RefreshRow, shown: str) -> str | None:
    """The session's newest refresh token, if the given one was exchanged for it."""
    if found.successor is None:
        return None
    try:
        name = _name_successor(found.session, found.generation)
        return Wrapping(shown).unwrap(name, found.successor).decode()
    except WrongSecret:
        return None


def _hash(refresh_token: str) -> bytes:
    # 256 random bits cannot be guessed, so a fast hash guards them.
    return hashlib.sha256(refresh_token.encode(errors="replace")).digest()
