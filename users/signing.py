"""Stores the keys that sign access tokens: in users' database, encrypted with a secret that all
replicas share (HUBBUB_SIGNING_SECRET_FILE).

A key is 32 random bytes under its `kid`. Rotation adds one and removes those that no token needs;
revocation leaves only the new one. Replicas read the keys again every ten seconds.
"""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from common.database.failures import retry_busy
from common.database.pool import Connection, Pool, begin
from common.identity.wrapping import Wrapping, WrongSecret
from common.process.logs import log
from common.protocol.ids import new_id
from users.keys import KeyRing, SigningKey, dead_keys
from users.store import signing_keys as store

RELOAD_SECONDS: Final = 10


class SigningKeysError(Exception):
    """The keys cannot be used; the text says which, and what to do."""


class Rotated(NamedTuple):
    made: str
    removed: list[str]


class FileKey(NamedTuple):
    """A key from the folder in which release 0.1.0 stored its keys."""

    kid: str
    age_seconds: float
    private: bytes


class SigningKeys:
    """The keys in the database, and those that this process has read."""

    def __init__(self, pool: Pool, wrapping: Wrapping, old_folder: Path | None = None) -> None:
        self._pool = pool
        self._wrapping = wrapping
        self._old_folder = old_folder
        self._ring = KeyRing()
        self._opened: dict[tuple[str, bytes], Ed25519PrivateKey] = {}  # by kid, encrypted

    async def open(self) -> None:
        """Reads the keys. If there are none yet, takes over those of the old folder, or creates a
        first one. Raises SigningKeysError, DatabaseUnavailable."""
        if not await store.read_keys(self._pool):
            found = await asyncio.to_thread(read_folder, self._old_folder)
            await retry_busy(lambda: self._begin_with(found))
        await self.reload()

    async def reload(self) -> None:
        """Raises SigningKeysError, DatabaseUnavailable; then the keys stay as they were."""
        now = time.monotonic()
        rows = await store.read_keys(self._pool)
        if not rows:
            raise SigningKeysError("users' database holds no signing key any more")
        self._opened = {
            slot: self._opened.get(slot) or Ed25519PrivateKey.from_private_bytes(self._unwrap(row))
            for row in rows
            for slot in [(row.kid, row.wrapped)]
        }
        self._ring.replace(
            SigningKey(now - row.age_seconds, row.kid, self._opened[row.kid, row.wrapped])
            for row in rows
        )

    async def reload_again(self) -> None:
        """The same, and logs why the keys cannot be used."""
        try:
            await self.reload()
        except SigningKeysError as error:
            log("signing keys not read again", level=logging.ERROR, error=str(error))
            raise

    def published(self) -> list[dict[str, Any]]:
        """The public keys as a JWKS's `keys`."""
        return self._ring.published()

    def sign_access_token(self, user: str, session: str, generation: int) -> str:
        return self._ring.sign_access_token(user, session, generation)

    async def rotate(self) -> Rotated:
        """Adds a key, which signs a minute later, and removes keys that no living token needs."""
        return await retry_busy(lambda: self._replace(only_dead=True))

    async def revoke(self) -> Rotated:
        """Removes all keys, including those that this secret cannot decrypt, and adds a new one."""
        return await retry_busy(lambda: self._replace(only_dead=False))

    async def _begin_with(self, found: list[FileKey]) -> None:
        async with begin(self._pool) as connection:
            if await store.lock_keys(connection):
                return  # another replica was first
            for key in found or [_new_key()]:
                await self._insert(connection, key)
        if found:
            log("signing keys taken over", folder=str(self._old_folder), keys=len(found))

    async def _replace(self, *, only_dead: bool) -> Rotated:
        made = _new_key()
        async with begin(self._pool) as connection:
            rows = await store.lock_keys(connection)
            if only_dead:
                removed = dead_keys([(row.kid, row.age_seconds) for row in rows])
            else:
                removed = [row.kid for row in rows]
            await self._insert(connection, made)
            await store.delete_keys(connection, removed)
        return Rotated(made.kid, removed)

    async def _insert(self, connection: Connection, key: FileKey) -> None:
        wrapped = self._wrapping.wrap(key.kid, key.private)
        await store.insert_key(connection, key.kid, wrapped, key.age_seconds)

    def _unwrap(self, row: store.KeyRow) -> bytes:
        try:
            return self._wrapping.unwrap(row.kid, row.wrapped)
        except WrongSecret as error:
            raise SigningKeysError(
                f"HUBBUB_SIGNING_SECRET_FILE does not open the signing key {row.kid}: give this"
                " process the secret that the other replicas have, or, where that is lost, run"
                " `python -m users keys revoke` with the new one"
            ) from error


def _new_key() -> FileKey:
    return FileKey(new_id(), 0.0, Ed25519PrivateKey.generate().private_bytes_raw())


def read_folder(folder: Path | None) -> list[FileKey]:
    """The keys of 0.1.0: PEM files, a file's stem its `kid`. Raises SigningKeysError."""
    keys = []
    for path in sorted(folder.glob("*.pem")) if folder else ():
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
            age = max(0.0, time.time() - path.stat().st_mtime)
        except ValueError as error:
            raise SigningKeysError(f"{path} holds no private key in PEM") from error
        except OSError as error:
            raise SigningKeysError(f"cannot read {path}: {error.strerror}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SigningKeysError(f"{path} holds another kind of key than Ed25519")
        keys.append(FileKey(path.stem, age, private.private_bytes_raw()))
    return keys
