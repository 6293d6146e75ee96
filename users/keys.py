"""The Ed25519 keys that sign access tokens: PEM files in one folder, a file's stem its `kid`.

All keys of the folder are published; the newest signs. To rotate, add `<new kid>.pem` and remove
the old file once its tokens are dead. Knows no user.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

from common.identity.tokens import ALGORITHM, AUDIENCE, ISSUER
from common.process.logs import log
from common.protocol.ids import new_id
from common.protocol.limits import ACCESS_TOKEN_SECONDS

PUBLISHED_BEFORE_USE_SECONDS = 60  # until every edge and realtime process has fetched a new key
RELOAD_SECONDS = 10


class SigningKeysError(Exception):
    """The folder holds something that is no Ed25519 key of ours; the text names the file."""


class _Key(NamedTuple):
    made_at: float
    kid: str
    private: Ed25519PrivateKey


class SigningKeys:
    """The keys of the folder as they were when it was read last."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Makes the first key where there is none. Raises SigningKeysError, OSError."""
        self._folder = folder
        self._clock = clock
        _make_first_key(folder)
        self._keys = _read_keys(folder)

    def reload(self) -> None:
        """Raises SigningKeysError, OSError; the keys stay as they were then."""
        self._keys = _read_keys(self._folder)

    def published(self) -> list[dict[str, Any]]:
        """The public keys as a JWKS's `keys` (RFC 8037 section 2)."""
        return [
            {
                **OKPAlgorithm.to_jwk(key.private.public_key(), as_dict=True),
                "kid": key.kid,
                "alg": ALGORITHM,
                "use": "sig",
            }
            for key in self._keys
        ]

    def sign_access_token(self, user: str, session: str, generation: int) -> str:
        """An access token that is good from now on for 15 minutes."""
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

    def _signing_key(self) -> _Key:
        known_everywhere = self._clock() - PUBLISHED_BEFORE_USE_SECONDS
        return max(
            (key for key in self._keys if key.made_at <= known_everywhere), default=min(self._keys)
        )


async def reload_keys(keys: SigningKeys) -> None:
    """Picks up what was added to the folder or removed, until cancelled."""
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        try:
            await asyncio.to_thread(keys.reload)
        except (SigningKeysError, OSError) as error:
            log("signing keys not read again", error=str(error))


def _make_first_key(folder: Path) -> None:
    """Of several processes that start together one makes the key, the others wait for it. A folder
    that has one may be read-only."""
    if any(folder.glob("*.pem")):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if any(folder.glob("*.pem")):
            return
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        unfinished = folder / ".new"
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / f"{new_id()}.pem")


def _read_keys(folder: Path) -> list[_Key]:
    keys = []
    for path in folder.glob("*.pem"):
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as error:
            raise SigningKeysError(f"{path} holds no private key in PEM") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SigningKeysError(f"{path} holds another kind of key than Ed25519")
        keys.append(_Key(path.stat().st_mtime, path.stem, private))
    if not keys:
        raise SigningKeysError(f"{folder} holds no key any more")
    return sorted(keys, key=lambda key: key[:2])
