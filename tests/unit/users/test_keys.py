"""Signing keys: made once, kept private, rotated without a token that nobody can verify."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from common.identity.tokens import TokenError, TokenExpired, TokenVerifier
from users.keys import SigningKeys, SigningKeysError


def write_key(folder: Path, kid: str, *, age: float, kind: type = Ed25519PrivateKey) -> Path:
    path = folder / f"{kid}.pem"
    path.write_bytes(
        kind.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    os.utime(path, (time.time() - age,) * 2)
    return path


def kids(keys: SigningKeys) -> list[str]:
    return [key["kid"] for key in keys.published()]


def signer(keys: SigningKeys) -> str:
    return str(jwt.get_unverified_header(keys.sign_access_token("u", "s", 0))["kid"])


def verifier_of(keys: SigningKeys) -> TokenVerifier:
    verifier = TokenVerifier()
    verifier.replace_keys(keys.published())
    return verifier


def kids_in(folder: str) -> list[str]:
    return kids(SigningKeys(Path(folder)))


def test_first_start_makes_one_key_that_others_cannot_read(tmp_path: Path) -> None:
    """The folder is 0700, the file 0600, and the next start finds it."""
    folder = tmp_path / "signing"
    made = kids(SigningKeys(folder))
    (file,) = folder.glob("*.pem")
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert kids(SigningKeys(folder)) == made == [file.stem]


def test_processes_that_start_together_make_one_key(tmp_path: Path) -> None:
    """A lock on the folder: one makes it, the others read it."""
    with ProcessPoolExecutor(4) as processes:
        found = list(processes.map(kids_in, [str(tmp_path / "signing")] * 8))
    assert len(found[0]) == 1
    assert found == [found[0]] * 8


def test_new_key_is_published_before_it_signs(tmp_path: Path) -> None:
    """It signs after a minute, when every verifier has it; the old one stays published."""
    write_key(tmp_path, "old", age=3600)
    keys = SigningKeys(tmp_path)
    new = write_key(tmp_path, "new", age=0)
    keys.reload()
    assert (sorted(kids(keys)), signer(keys)) == (["new", "old"], "old")
    os.utime(new, (time.time() - 61,) * 2)
    keys.reload()
    assert signer(keys) == "new"


def test_removed_key_verifies_no_more(tmp_path: Path) -> None:
    """Tokens that it signed are bad at once for those who fetched the keys since."""
    old = write_key(tmp_path, "old", age=3600)
    keys = SigningKeys(tmp_path)
    verifier = verifier_of(keys)
    token = keys.sign_access_token("u", "s", 3)
    assert verifier.verify(token)[0].generation == 3
    write_key(tmp_path, "new", age=120)
    old.unlink()
    keys.reload()
    verifier.replace_keys(keys.published())
    with pytest.raises(TokenError):
        verifier.verify(token)


def test_published_keys_are_public(tmp_path: Path) -> None:
    """Never the private part."""
    (key,) = SigningKeys(tmp_path / "signing").published()
    assert key.keys() == {"kty", "crv", "x", "kid", "alg", "use"}


def test_tokens_die_after_fifteen_minutes(tmp_path: Path) -> None:
    """An expired token is told from a bad one."""
    now = time.time()
    young = SigningKeys(tmp_path / "signing", clock=lambda: now - 890)
    old = SigningKeys(tmp_path / "signing", clock=lambda: now - 901)
    verifier = verifier_of(young)
    assert verifier.verify(young.sign_access_token("u", "s", 0))[0].user == "u"
    with pytest.raises(TokenExpired):
        verifier.verify(old.sign_access_token("u", "s", 0))


def test_tokens_of_a_later_clock_are_good_within_seconds(tmp_path: Path) -> None:
    """Machines' clocks differ a little; a token from the future is bad."""
    now = time.time()
    verifier = verifier_of(SigningKeys(tmp_path / "signing"))
    near = SigningKeys(tmp_path / "signing", clock=lambda: now + 3)
    far = SigningKeys(tmp_path / "signing", clock=lambda: now + 60)
    assert verifier.verify(near.sign_access_token("u", "s", 0))
    with pytest.raises(TokenError):
        verifier.verify(far.sign_access_token("u", "s", 0))


def test_foreign_files_stop_the_start_with_their_name(tmp_path: Path) -> None:
    """A key of another kind, or no key at all, is not passed over."""
    write_key(tmp_path, "other", age=0, kind=X25519PrivateKey)
    with pytest.raises(SigningKeysError, match=r"other\.pem holds another kind of key"):
        SigningKeys(tmp_path)
    (tmp_path / "other.pem").write_text("nothing")
    with pytest.raises(SigningKeysError, match=r"other\.pem holds no private key"):
        SigningKeys(tmp_path)
