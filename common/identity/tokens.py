"""Access tokens: Ed25519 JWTs (RFC 7519, RFC 8037), verified where a user's request arrives.

users signs them; edge, realtime and files verify them with the public keys that users publishes,
and keep a small cache of verified ones, because checking a signature is expensive. Knows nothing of
revocation.

After an outage thousands of clients come with tokens that a process has not seen. The JWT library
takes as long for the rest of a token as for its signature, so once it has accepted a header, only
the signature and the claims of tokens with this header are checked, here.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from common.protocol.limits import ACCESS_TOKEN_SECONDS

ISSUER = "hubbub"
AUDIENCE = "hubbub"
ALGORITHM = "EdDSA"
CLOCK_SKEW_SECONDS = 5  # between the machine that signs and those that verify
MAX_VERIFIED: Final = 10_000  # verified tokens that a process remembers
_REQUIRED = ["iss", "aud", "sub", "sid", "gen", "exp", "nbf"]


class Claims(msgspec.Struct, frozen=True):
    """The identity of the token's bearer; `expires` in Unix seconds; `generation` counts a
    session's refreshes."""

    user: str
    session: str
    generation: int
    expires: int


class _Found(msgspec.Struct):
    """The contents of our tokens, as users writes them."""

    iss: str
    aud: str
    sub: str
    sid: str
    gen: int
    exp: int
    nbf: int
    iat: int = 0


_decode: Final = msgspec.json.Decoder(_Found).decode


class TokenError(Exception):
    """The token is not one of ours, or not valid yet."""


class TokenExpired(TokenError):
    """The token has expired, or is from a clock that is ahead, as this one's was before it was set
    back, but is otherwise valid: a new one of its session should be."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("expired")
        self.claims = claims


class TokenVerifier:
    """Verifies with the keys of a JWKS; caches at most `MAX_VERIFIED` verified tokens."""

    def __init__(self) -> None:
        self._published: list[dict[str, Any]] = []
        self._keys: dict[str, jwt.PyJWK] = {}
        self._known: dict[str, Ed25519PublicKey] = {}  # by header of a token that was valid
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    @property
    def has_keys(self) -> bool:
        return bool(self._keys)

    def replace_keys(self, jwks: list[dict[str, Any]]) -> None:
        """Takes the keys that users publishes now; tokens signed with other keys are refused."""
        if jwks == self._published:
            return
        keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM) for key in jwks}
        if keys.keys() != self._keys.keys():
            self._verified.clear()
            self._known.clear()
        self._published, self._keys = jwks, keys

    def verify(self, token: str) -> tuple[Claims, bool]:
        """The claims, and whether this process sees the token for the first time.

        Raises TokenExpired if it is of another time, and TokenError in all other cases.
        """
        if (claims := self._verified.get(token)) is not None:
            _demand_current(claims)
            return claims, False
        claims = self._check(token)
        _demand_current(claims)
        self._verified[token] = claims
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)
        return claims, True

    def _check(self, token: str) -> Claims:
        head, _, rest = token.partition(".")
        key = self._known.get(head)
        claims = None if key is None else _check_known(key, head, rest)
        return claims or self._check_any(token)

    def _check_any(self, token: str) -> Claims:
        """Has the JWT library check the token."""
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            found = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # we check times: a token of another time is refused differently from an invalid one
                options={
                    "require": _REQUIRED,
                    "verify_exp": False, "verify_nbf": False, "verify_iat": False,
                },
            )  # fmt: skip
            if _begins_late(max(int(found["nbf"]), int(found.get("iat", 0))), int(found["exp"])):
                raise ValueError("not valid yet")
            claims = Claims(
                user=str(found["sub"]),
                session=str(found["sid"]),
                generation=int(found["gen"]),
                expires=int(found["exp"]),
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            raise TokenError("not a valid access token") from error
        if isinstance(key.key, Ed25519PublicKey):
            self._known[token.partition(".")[0]] = key.key
        return claims


def _check_known(key: Ed25519PublicKey, head: str, rest: str) -> Claims | None:
    """Raises TokenError for a bad signature; None if only the library can check the token."""
    payload, _, signature = rest.partition(".")
    try:
        raw = _decode_part(signature)
        key.verify(raw, f"{head}.{payload}".encode("ascii"))
        # Otherwise a valid token would have many spellings, each with a place in the cache.
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != signature:
            return None
        found = _decode(_decode_part(payload))
    except InvalidSignature as error:
        raise TokenError("not a valid access token") from error
    except ValueError:  # msgspec's errors too
        return None
    if found.iss != ISSUER or found.aud != AUDIENCE:
        return None
    if _begins_late(max(found.nbf, found.iat), found.exp):
        return None
    return Claims(found.sub, found.sid, found.gen, found.exp)


def _begins_late(begins: int, expires: int) -> bool:
    """Whether it begins in the future, and not as a token of a later clock does."""
    return begins > max(time.time() + CLOCK_SKEW_SECONDS, expires - ACCESS_TOKEN_SECONDS)


def _demand_current(claims: Claims) -> None:
    """Raises TokenExpired."""
    seconds_left = claims.expires - time.time()
    if not 0 < seconds_left <= ACCESS_TOKEN_SECONDS + CLOCK_SKEW_SECONDS:
        raise TokenExpired(claims)


def _decode_part(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
