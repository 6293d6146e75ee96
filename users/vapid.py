"""How push services know this instance (RFC 8292): one P-256 key, made once, in users' database.

Browsers tie their subscriptions to its public half, so it is never changed.
"""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from common.database.pool import Pool
from users.store.push import keep_push_key

GOOD_SECONDS: Final = 12 * 3600  # of 24 that are allowed
USED_SECONDS: Final = 3600.0  # a token, before the next one is made
MAX_TOKENS: Final = 256


class _Token(NamedTuple):
    header: str
    made_at: float


class PushKey:
    """Read from the database, or made there, when it is first needed."""

    def __init__(self, pool: Pool, *, clock: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._clock = clock
        self._private: EllipticCurvePrivateKey | None = None
        self._public = ""
        self._reading = asyncio.Lock()
        self._tokens: dict[tuple[str, str], _Token] = {}

    async def public(self) -> str:
        """As browsers take it: base64url of the point. Raises DatabaseUnavailable."""
        await self._read()
        return self._public

    async def authorization(self, origin: str, contact: str) -> str:
        """The header for a push service. Raises DatabaseUnavailable."""
        private = await self._read()
        now = self._clock()
        token = self._tokens.get((origin, contact))
        if token is None or now - token.made_at > USED_SECONDS:
            if len(self._tokens) >= MAX_TOKENS:
                self._tokens.clear()
            claims = {"aud": origin, "exp": int(now) + GOOD_SECONDS}
            if contact:
                claims["sub"] = contact
            signed = jwt.encode(claims, private, algorithm="ES256")
            token = _Token(f"vapid t={signed}, k={self._public}", now)
            self._tokens[origin, contact] = token
        return token.header

    async def _read(self) -> EllipticCurvePrivateKey:
        async with self._reading:
            if self._private is None:
                made = generate_private_key(SECP256R1()).private_bytes(
                    Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
                )
                kept = load_der_private_key(await keep_push_key(self._pool, made), password=None)
                assert isinstance(kept, EllipticCurvePrivateKey)
                point = kept.public_key().public_bytes(
                    Encoding.X962, PublicFormat.UncompressedPoint
                )
                self._public = urlsafe_b64encode(point).rstrip(b"=").decode()
                self._private = kept
        return self._private
