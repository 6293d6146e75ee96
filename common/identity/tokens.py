"""Access tokens: Ed25519 JWTs (RFC 7519, RFC 8037), verified where a person's request arrives.

users signs them; edge and realtime verify them with the public keys that users publishes, and
keep a small cache of verified ones, because checking a signature is expensive. Revocation is not
known here.
"""

import time
from collections import OrderedDict
from typing import Any

import jwt
import msgspec

ISSUER = "hubbub"
AUDIENCE = "hubbub"
ALGORITHM = "EdDSA"
CLOCK_SKEW_SECONDS = 5  # between the machine that signs and those that verify
_REQUIRED = ["iss", "aud", "sub", "sid", "gen", "exp", "nbf"]


class Claims(msgspec.Struct, frozen=True):
    """Who the token's bearer is; `expires` in Unix seconds; `generation` counts a session's
    refreshes."""

    user: str
    session: str
    generation: int
    expires: int


class TokenError(Exception):
    """The token is no token of ours, or not valid yet."""


class TokenExpired(TokenError):
    """The token is otherwise good."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("expired")
        self.claims = claims


class TokenVerifier:
    """Verifies with the keys of a JWKS; holds at most `cache_size` verified tokens."""

    def __init__(self, *, cache_size: int = 10_000) -> None:
        self._keys: dict[str, jwt.PyJWK] = {}
        self._verified: OrderedDict[str, Claims] = OrderedDict()
        self._cache_size = cache_size

    @property
    def has_keys(self) -> bool:
        return bool(self._keys)

    def replace_keys(self, jwks: list[dict[str, Any]]) -> None:
        """What users publishes now; tokens of a key that is gone are verified no more."""
        keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM) for key in jwks}
        if keys.keys() != self._keys.keys():
            self._verified.clear()
        self._keys = keys

    def verify(self, token: str) -> tuple[Claims, bool]:
        """The claims, and whether this process sees the token for the first time.

        Raises TokenExpired for one that was good, TokenError for all others.
        """
        if (claims := self._verified.get(token)) is not None:
            if claims.expires <= time.time():
                raise TokenExpired(claims)
            return claims, False
        claims = self._check(token)
        if claims.expires <= time.time():
            raise TokenExpired(claims)
        self._verified[token] = claims
        if len(self._verified) > self._cache_size:
            self._verified.popitem(last=False)
        return claims, True

    def _check(self, token: str) -> Claims:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            found = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=CLOCK_SKEW_SECONDS,
                # expiry is ours to judge: an expired token must be told from a bad one
                options={"require": _REQUIRED, "verify_exp": False},
            )
            return Claims(
                user=str(found["sub"]),
                session=str(found["sid"]),
                generation=int(found["gen"]),
                expires=int(found["exp"]),
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            raise TokenError("not a valid access token") from error
