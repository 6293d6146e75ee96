"""Codes that stand in links: 256 random bits, of which a hash is kept. Pure."""

import hashlib
import secrets


def new_code() -> str:
    return secrets.token_urlsafe(32)


def hash_code(code: str) -> bytes:
    """A fast hash guards what nobody can guess."""
    return hashlib.sha256(code.encode(errors="replace")).digest()
