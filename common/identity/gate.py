"""Authenticates a request by its Authorization header. Knows no route."""

from common.identity.credentials import Credentials, SessionRevoked
from common.identity.tokens import Claims, TokenError
from common.process.logs import log
from common.protocol.errors import Refusal, unavailable


class Gate:
    """Admits callers whose token is valid."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @property
    def missing(self) -> str | None:
        """What is missing before it can admit anybody, or None."""
        return self._credentials.missing

    @property
    def is_behind(self) -> bool:
        """Whether `catch_up` must be awaited before a caller is admitted."""
        return self._credentials.is_behind

    async def catch_up(self) -> None:
        """Asks users what was revoked while this process was at rest."""
        await self._credentials.catch_up()

    def admit(self, authorization: str | None, *, also_revoked: bool = False) -> Claims:
        """The caller, from the value of the header; with `also_revoked`, even if the session has
        ended.

        Raises Refusal unauthenticated; unavailable until users has answered once.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal("unauthenticated", "An access token is needed.")
        if missing := self.missing:
            log("not ready to verify", missing=missing)
            raise unavailable()
        try:
            return self._credentials.verify(token.strip(), also_revoked=also_revoked)
        except (TokenError, SessionRevoked) as error:
            raise Refusal("unauthenticated", "The access token is not valid.") from error

    def is_untold(self, caller: Claims) -> bool:
        """Whether `wait_until_told` must be awaited before the caller is answered: an older refresh
        token could still be used afterwards."""
        return self._credentials.is_untold(caller)

    async def wait_until_told(self, caller: Claims) -> None:
        """Waits until users knows that the caller's token is in use; not for long."""
        await self._credentials.wait_until_told(caller)

    def demand_session(self, caller: Claims) -> None:
        """Raises Refusal unauthenticated if the session has ended since the caller was admitted."""
        if self._credentials.is_revoked(caller.session):
            raise Refusal("unauthenticated", "The session has ended meanwhile.")

    def revoke(self, session: str) -> None:
        """users has just ended this session for us: refuse its tokens here at once."""
        self._credentials.revoke(session)

    def ask_anew(self) -> None:
        """users has just ended sessions whose names only it knows."""
        self._credentials.wake()
