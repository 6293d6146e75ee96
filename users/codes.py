"""Codes in links: 256 random bits, stored as a hash. Pure."""

import hashlib
import secrets


def new_code() -> str:
    return secrets.token_urlsafe(32)


def hash_code(code: str) -> bytes:
    """A fast hash is enough for a code that cannot be guessed."""
    return hashlib.sha256(code.encode(errors="replace")).digest()
