"""Judges the tokens that a client sends: their claims, or the refusal. No I/O."""

from typing import Final, NamedTuple

from common.identity.credentials import Credentials, SessionRevoked
from common.identity.tokens import Claims, TokenError, TokenExpired
from common.protocol.close_codes import CloseCode
from common.protocol.errors import Refusal


class Ending(NamedTuple):
    code: CloseCode
    reason: str


_REVOKED: Final = Ending(CloseCode.SESSION_REVOKED, "the session is revoked")


def judge_token(credentials: Credentials, token: str) -> Claims | Ending:
    """That of a `connect`."""
    if credentials.missing:
        return Ending(CloseCode.INTERNAL_ERROR, "not ready")
    try:
        return credentials.verify(token)
    except SessionRevoked:
        return _REVOKED
    except TokenExpired as expired:
        if credentials.is_revoked(expired.claims.session):
            return _REVOKED
        return Ending(CloseCode.TOKEN_EXPIRED, "the token has expired")
    except TokenError:
        return Ending(CloseCode.UNAUTHENTICATED, "the token is not valid")


def judge_refresh(credentials: Credentials, token: str, session: str) -> Claims | Refusal:
    """That of a `refresh` of this session's socket."""
    try:
        claims = credentials.verify(token)
    except (TokenError, SessionRevoked):
        claims = None
    if claims is None or claims.session != session:
        return Refusal("unauthenticated", "The token is not a good one of this session.")
    return claims
