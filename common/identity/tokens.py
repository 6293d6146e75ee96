"""Access tokens: Ed25519 JWTs (RFC 7519, RFC 8037), verified where a person's request arrives.

users signs them; edge and realtime verify them with the public keys that users publishes, and
keep a small cache of verified ones, because checking a signature is expensive. Revocation is not
known here.

After an outage thousands come with tokens that a process has not seen. The JWT library takes as
long as the signature for what is around it, so a header that it has found good once is not judged
by it again: of such a token the signature and the claims are looked at here.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ISSUER = "hubbub"
AUDIENCE = "hubbub"
ALGORITHM = "EdDSA"
CLOCK_SKEW_SECONDS = 5  # between the machine that signs and those that verify
MAX_VERIFIED: Final = 10_000  # tokens of which a process remembers that they are good
_REQUIRED = ["iss", "aud", "sub", "sid", "gen", "exp", "nbf"]


class Claims(msgspec.Struct, frozen=True):
    """Who the token's bearer is; `expires` in Unix seconds; `generation` counts a session's
    refreshes."""

    user: str
    session: str
    generation: int
    expires: int


class _Found(msgspec.Struct):
    """What a token of ours has in it, as users writes it."""

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
    """The token is no token of ours, or not valid yet."""


class TokenExpired(TokenError):
    """The token is otherwise good."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("expired")
        self.claims = claims


class TokenVerifier:
    """Verifies with the keys of a JWKS; holds at most `MAX_VERIFIED` verified tokens."""

    def __init__(self) -> None:
        self._published: list[dict[str, Any]] = []
        self._keys: dict[str, jwt.PyJWK] = {}
        self._known: dict[str, Ed25519PublicKey] = {}  # by headers of tokens that were good
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    @property
    def has_keys(self) -> bool:
        return bool(self._keys)

    def replace_keys(self, jwks: list[dict[str, Any]]) -> None:
        """What users publishes now; tokens of a key that is gone are verified no more."""
        if jwks == self._published:
            return
        keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM) for key in jwks}
        if keys.keys() != self._keys.keys():
            self._verified.clear()
            self._known.clear()
        self._published, self._keys = jwks, keys

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
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)
        return claims, True

    def _check(self, token: str) -> Claims:
        head, _, rest = token.partition(".")
        key = self._known.get(head)
        claims = None if key is None else _check_known(key, head, rest)
        return claims or self._check_any(token)

    def _check_any(self, token: str) -> Claims:
        """As the JWT library sees it."""
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
    """Raises TokenError for a bad signature; None for what only the library can judge."""
    payload, _, signature = rest.partition(".")
    try:
        raw = _decode_part(signature)
        key.verify(raw, f"{head}.{payload}".encode("ascii"))
        # Or else a good token had many spellings, each with a place in the cache.
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != signature:
            return None
        found = _decode(_decode_part(payload))
    except InvalidSignature as error:
        raise TokenError("not a valid access token") from error
    except ValueError:  # msgspec's errors too
        return None
    latest = time.time() + CLOCK_SKEW_SECONDS
    if found.iss != ISSUER or found.aud != AUDIENCE or max(found.nbf, found.iat) > latest:
        return None
    return Claims(found.sub, found.sid, found.gen, found.exp)


def _decode_part(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
