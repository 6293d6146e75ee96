"""Rotation of the keys that sign tokens, as users reads them."""

import os
import time
from pathlib import Path

import pytest

from common.identity.tokens import TokenError, TokenVerifier
from deploy.rotate_signing_key import revoke, rotate
from users.keys import SigningKeys


def test_rotation_logs_nobody_out(tmp_path: Path) -> None:
    """The old key stays published beside the new one, and goes with a rotation after its last
    token has run out."""
    keys = SigningKeys(tmp_path)
    (old,) = (key["kid"] for key in keys.published())
    second, removed = rotate(tmp_path, time.time())
    keys.reload()
    assert removed == []
    assert {key["kid"] for key in keys.published()} == {old, second}

    an_hour_ago = time.time() - 3600
    os.utime(tmp_path / f"{old}.pem", (an_hour_ago - 1, an_hour_ago - 1))
    os.utime(tmp_path / f"{second}.pem", (an_hour_ago, an_hour_ago))
    third, removed = rotate(tmp_path, time.time() + 1)
    keys.reload()
    assert removed == [old]
    assert {key["kid"] for key in keys.published()} == {second, third}


def test_a_revoked_key_is_gone_at_once(tmp_path: Path) -> None:
    """The new one alone is published and signs; a verifier that has read it refuses the old."""
    keys = SigningKeys(tmp_path)
    old = keys.sign_access_token("ann", "session", 0)
    verifier = TokenVerifier()
    verifier.replace_keys(keys.published())
    verifier.verify(old)
    new, removed = revoke(tmp_path, time.time())
    assert len(removed) == 1
    keys.reload()
    assert [key["kid"] for key in keys.published()] == [new]
    verifier.replace_keys(keys.published())
    with pytest.raises(TokenError):
        verifier.verify(old)
    verifier.verify(keys.sign_access_token("ann", "session", 0))


def test_new_key_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else may sign."""
    name, _ = rotate(tmp_path, time.time())
    assert (tmp_path / f"{name}.pem").stat().st_mode & 0o777 == 0o600
