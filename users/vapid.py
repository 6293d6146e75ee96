"""This instance's identity for push services (RFC 8292): one P-256 key, created once, stored in
users' database, encrypted with the secret that encrypts the signing keys (users/signing.py).

Browsers tie their subscriptions to its public half, so it is replaced only if it is lost.
"""

import asyncio
import time
from base64 import urlsafe_b64encode
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

from common.database.failures import retry_busy
from common.database.pool import Pool, begin
from common.identity.wrapping import Wrapping, WrongSecret
from common.process.logs import log
from users.signing import SigningKeysError
from users.store import push as store

GOOD_SECONDS: Final = 12 * 3600  # of 24 that are allowed
USED_SECONDS: Final = 3600.0  # a token, before the next one is made
MAX_TOKENS: Final = 256
NAME: Final = "push"  # of the key, when it is encrypted


class _Token(NamedTuple):
    header: str
    made_at: float


class PushKey:
    """Read from the database, or created there, when it is first needed."""

    def __init__(self, pool: Pool, wrapping: Wrapping) -> None:
        self._pool = pool
        self._wrapping = wrapping
        self._private: EllipticCurvePrivateKey | None = None
        self._public = ""
        self._reading = asyncio.Lock()
        self._tokens: dict[tuple[str, str], _Token] = {}

    async def open(self) -> None:
        """Reads the key if there is one, and encrypts a plain one. Raises SigningKeysError,
        DatabaseUnavailable."""
        if await store.read_push_key(self._pool) is not None:
            await self._read()

    async def forget_unless_opened(self) -> int | None:
        """If the secret does not decrypt the key, deletes it and the subscriptions and returns
        their number; otherwise None. Raises DatabaseUnavailable."""
        row = await store.read_push_key(self._pool)
        if row is None or row.wrapped is None:
            return None
        try:
            self._wrapping.unwrap(NAME, row.wrapped)
        except WrongSecret:
            return await store.forget_push_key(self._pool, row.wrapped)
        return None

    async def public(self) -> str:
        """As browsers take it: the point in base64url. Raises DatabaseUnavailable."""
        await self._read()
        return self._public

    async def authorization(self, origin: str, contact: str) -> str:
        """The header for a push service. Raises DatabaseUnavailable."""
        private = await self._read()
        now = time.time()
        token = self._tokens.get((origin, contact))
        # One from before the clock was set back may be of a time that no push service believes.
        if token is None or not 0 <= now - token.made_at <= USED_SECONDS:
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
                private = self._unwrap(await self._find())
                point = private.public_key().public_bytes(
                    Encoding.X962, PublicFormat.UncompressedPoint
                )
                self._public = urlsafe_b64encode(point).rstrip(b"=").decode()
                self._private = private
        return self._private

    async def _find(self) -> bytes:
        """The encrypted key; a new one if there is none."""
        row = await store.read_push_key(self._pool)
        if row is None:
            await store.insert_push_key(self._pool, self._wrapping.wrap(NAME, _new_key()))
            row = await store.read_push_key(self._pool)
        assert row is not None
        if row.wrapped is not None:
            return row.wrapped
        return await retry_busy(self._wrap_what_is_there)

    async def _wrap_what_is_there(self) -> bytes:
        async with begin(self._pool) as connection:
            row = await store.lock_push_key(connection)
            assert row is not None
            if row.plain is None:
                assert row.wrapped is not None
                return row.wrapped  # another replica was first
            wrapped = self._wrapping.wrap(NAME, row.plain)
            await store.replace_push_key(connection, wrapped)
        log("push key wrapped")
        return wrapped

    def _unwrap(self, wrapped: bytes) -> EllipticCurvePrivateKey:
        try:
            opened = load_der_private_key(self._wrapping.unwrap(NAME, wrapped), password=None)
        except WrongSecret as error:
            raise SigningKeysError(
                "HUBBUB_SIGNING_SECRET_FILE does not open the key for push services: give this"
                " process the secret that the other replicas have, or, where that is lost, run"
                " `python -m users keys revoke` with the new one"
            ) from error
        assert isinstance(opened, EllipticCurvePrivateKey)
        return opened


def _new_key() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
