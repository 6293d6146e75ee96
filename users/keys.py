"""The Ed25519 keys that sign access tokens, as a users process holds them.

All of them are published; the newest one that every process must have fetched signs. Knows no user,
and not where keys are stored (users/signing.py). Pure.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from common.identity.tokens import ALGORITHM, AUDIENCE, ISSUER
from common.protocol.limits import ACCESS_TOKEN_SECONDS

PUBLISHED_BEFORE_USE_SECONDS: Final = 60  # until every process that verifies tokens has fetched it
# A key signs until a minute after the next one was made, and its last token lives for 15 minutes.
NEEDED_AFTER_THE_NEXT_SECONDS: Final = 20 * 60


class SigningKey(NamedTuple):
    """`made_at` is in this process's monotonic clock: the database says how old a key is."""

    made_at: float
    kid: str
    private: Ed25519PrivateKey


class KeyRing:
    """The keys as last read. `clock` is for tokens."""

    def __init__(
        self, keys: Iterable[SigningKey] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._published: dict[Ed25519PrivateKey, dict[str, Any]] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[SigningKey]) -> None:
        self._keys = sorted(keys, key=lambda key: key[:2])
        self._published = {
            key.private: self._published.get(key.private) or _publish(key) for key in self._keys
        }

    def published(self) -> list[dict[str, Any]]:
        """The public keys as a JWKS's `keys` (RFC 8037 section 2)."""
        return [self._published[key.private] for key in self._keys]

    def sign_access_token(self, user: str, session: str, generation: int) -> str:
        """An access token that is valid for 15 minutes from now."""
        now = int(self._clock())
        key = self._signing_key()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "sid": session,
            "gen": generation,
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_TOKEN_SECONDS,
        }
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})

    def _signing_key(self) -> SigningKey:
        known_everywhere = time.monotonic() - PUBLISHED_BEFORE_USE_SECONDS
        known = [key for key in self._keys if key.made_at <= known_everywhere]
        return known[-1] if known else self._keys[0]


def _publish(key: SigningKey) -> dict[str, Any]:
    return {
        **OKPAlgorithm.to_jwk(key.private.public_key(), as_dict=True),
        "kid": key.kid,
        "alg": ALGORITHM,
        "use": "sig",
    }


def dead_keys(ages: Sequence[tuple[str, float]]) -> list[str]:
    """Keys that no living token needs, given names and ages in seconds: their successor has signed
    for so long that their last token has expired."""
    by_age = sorted(ages, key=lambda key: key[1], reverse=True)
    return [
        kid
        for (kid, _), (_, next_age) in pairwise(by_age)
        if next_age > NEEDED_AFTER_THE_NEXT_SECONDS
    ]
