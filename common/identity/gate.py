"""Who a request comes from, by its Authorization header. Knows no route."""

from common.identity.credentials import Credentials, SessionRevoked
from common.identity.tokens import Claims, TokenError
from common.process.logs import log
from common.protocol.errors import Refusal, unavailable


class Gate:
    """Lets in whose token is good."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @property
    def missing(self) -> str | None:
        """What it cannot do without, or None."""
        return self._credentials.missing

    @property
    def is_behind(self) -> bool:
        """Whether `catch_up` is to be awaited before somebody is admitted."""
        return self._credentials.is_behind

    async def catch_up(self) -> None:
        """Asks users what was revoked while nobody was here."""
        await self._credentials.catch_up()

    def admit(self, authorization: str | None, *, also_revoked: bool = False) -> Claims:
        """The caller, from the value of the header; `also_revoked` one whose session was ended.

        Raises Refusal unauthenticated; unavailable while nothing was heard from users yet.
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

    def demand_session(self, caller: Claims) -> None:
        """Raises Refusal unauthenticated where it has ended since the caller was admitted."""
        if self._credentials.is_revoked(caller.session):
            raise Refusal("unauthenticated", "The session has ended meanwhile.")

    def revoke(self, session: str) -> None:
        """users has just ended it for us: its tokens are refused here at once."""
        self._credentials.revoke(session)

    def ask_anew(self) -> None:
        """users has just ended sessions that only it knows."""
        self._credentials.wake()
