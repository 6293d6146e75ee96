"""Secrets in a database, encrypted with one that is not in it: AES-256-GCM, NIST SP 800-38D.

The name of each is authenticated with it, so that one cannot be put in another one's place. Pure.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES: Final = 12
_PURPOSE: Final = b"hubbub keys in users' database"


class WrongSecret(Exception):
    """It was encrypted with another secret, or for another name, or was changed since."""


class Wrapping:
    """Encrypts and decrypts with a key of its own, derived from a secret (RFC 5869)."""

    def __init__(self, secret: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
        self._cipher = AESGCM(derived)

    def wrap(self, name: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, name.encode())

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Raises WrongSecret."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongSecret from error
