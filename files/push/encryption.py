"""Encrypts what a push service forwards but must not read (RFC 8291, over RFC 8188). Pure."""

import os
from base64 import urlsafe_b64decode
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_BYTES: Final = 4096
# What push services must accept (RFC 8030, section 7.2), less header, delimiter and tag.
MAX_PLAIN_BYTES: Final = RECORD_BYTES - 86 - 1 - 16
_LAST_RECORD: Final = b"\x02"


def encrypt(
    plain: bytes,
    browser_key: bytes,
    secret: bytes,
    *,
    own_key: EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of a push message, for the browser with this public key and authentication secret.
    `own_key` and `salt` are new each time. Raises ValueError for an invalid key."""
    own_key = own_key or generate_private_key(SECP256R1())
    salt = salt or os.urandom(16)
    browser = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), browser_key)
    own = own_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = own_key.exchange(ECDH(), browser)
    key = _derive(shared, secret, b"WebPush: info\0" + browser_key + own, 32)
    content_key = _derive(key, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(key, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(content_key).encrypt(nonce, plain + _LAST_RECORD, None)
    return salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own)]) + own + sealed


def decode_key(text: str) -> bytes:
    """base64url without its padding. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(key)
