"""Signing keys in users' database: created once, encrypted, rotated, revoked, imported from
files.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from common.database.pool import Pool
from common.identity.tokens import TokenError, TokenVerifier
from common.identity.wrapping import Wrapping
from common.protocol.users import Empty, KeySet
from tests.contract.users.conftest import SIGNING_SECRET, Users
from users.signing import SigningKeys, SigningKeysError

PROJECT = Path(__file__).parents[3]
START = Callable[..., Awaitable[Users]]
PrivateKey = Ed25519PrivateKey | X25519PrivateKey


def opened_by(pool: Pool, secret: str = SIGNING_SECRET, folder: Path | None = None) -> SigningKeys:
    return SigningKeys(pool, Wrapping(secret), folder)


def write_pem(folder: Path, kid: str, key: PrivateKey, *, age: float) -> None:
    path = folder / f"{kid}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    os.utime(path, (time.time() - age,) * 2)


def kids(keys: SigningKeys) -> list[str]:
    return [key["kid"] for key in keys.published()]


def signer(keys: SigningKeys) -> str:
    return str(jwt.get_unverified_header(keys.sign_access_token("u", "s", 0))["kid"])


async def age_keys(pool: Pool, seconds: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE signing_keys SET made_at = made_at - make_interval(secs => %s)", (seconds,)
        )


async def test_replicas_that_start_together_have_one_key(start_replica: START) -> None:
    """One creates it, the others read it; each publishes it."""
    replicas = await asyncio.gather(*(start_replica() for _ in range(3)))
    published = [await one.call("keys", Empty(), KeySet) for one in replicas]
    assert len(published[0].keys) == 1
    assert published[0].keys == published[1].keys == published[2].keys


async def test_no_private_key_is_in_the_database(pool: Pool) -> None:
    """What is stored contains neither the key nor anything that its public part does not reveal."""
    keys = opened_by(pool)
    await keys.open()
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT kid, wrapped FROM signing_keys")
        (kid, wrapped) = (await cursor.fetchall())[0]
    private = Wrapping(SIGNING_SECRET).unwrap(kid, wrapped)
    assert len(private) == 32
    assert private not in wrapped


async def test_keys_that_are_known_are_not_opened_again(pool: Pool) -> None:
    """They are read every ten seconds. A key that was encrypted again since then is decrypted
    again."""
    keys = opened_by(pool)
    await keys.open()
    (first,) = keys._ring._keys
    await keys.reload()
    (again,) = keys._ring._keys
    assert again.private is first.private
    wrapped = Wrapping(SIGNING_SECRET).wrap(first.kid, first.private.private_bytes_raw())
    async with pool.connection() as connection:
        await connection.execute("UPDATE signing_keys SET wrapped = %s", (wrapped,))
    await keys.reload()
    (anew,) = keys._ring._keys
    assert anew.private is not first.private
    assert keys.published()[0]["kid"] == first.kid


async def test_rotation_logs_nobody_out(pool: Pool) -> None:
    """The old key signs for another minute and stays published with the new one; a rotation after
    its last token has expired removes it."""
    keys = opened_by(pool)
    await keys.open()
    (old,) = kids(keys)
    second, removed = await keys.rotate()
    await keys.reload()
    assert (removed, sorted(kids(keys)), signer(keys)) == ([], sorted([old, second]), old)
    await age_keys(pool, 3600)
    third, removed = await keys.rotate()
    await keys.reload()
    assert (removed, signer(keys)) == ([old], second)
    assert sorted(kids(keys)) == sorted([second, third])


async def test_a_revoked_key_is_gone_at_once(pool: Pool) -> None:
    """Only the new one is published and signs; a verifier that has read it refuses the old."""
    keys = opened_by(pool)
    await keys.open()
    verifier = TokenVerifier()
    verifier.replace_keys(keys.published())
    token = keys.sign_access_token("ann", "session", 0)
    verifier.verify(token)
    made, removed = await keys.revoke()
    await keys.reload()
    assert (kids(keys), len(removed)) == ([made], 1)
    verifier.replace_keys(keys.published())
    with pytest.raises(TokenError):
        verifier.verify(token)
    verifier.verify(keys.sign_access_token("ann", "session", 0))


async def test_keys_of_the_release_before_are_taken_over(pool: Pool, tmp_path: Path) -> None:
    """With their names and ages, so that replicas of both releases sign with the same key; only
    once, so that a revoked key does not come back."""
    second = Ed25519PrivateKey.generate()
    write_pem(tmp_path, "old", Ed25519PrivateKey.generate(), age=3600)
    write_pem(tmp_path, "second", second, age=120)
    keys = opened_by(pool, folder=tmp_path)
    await keys.open()
    token = keys.sign_access_token("ann", "session", 0)
    assert (kids(keys), signer(keys)) == (["old", "second"], "second")
    jwt.decode(token, second.public_key(), algorithms=["EdDSA"], audience="hubbub")
    made, _ = await keys.revoke()
    again = opened_by(pool, folder=tmp_path)
    await again.open()
    assert kids(again) == [made]


async def test_foreign_files_stop_the_start_with_their_name(pool: Pool, tmp_path: Path) -> None:
    """A key of another type, or a file that is no key, is not skipped."""
    write_pem(tmp_path, "other", X25519PrivateKey.generate(), age=0)
    with pytest.raises(SigningKeysError, match=r"other\.pem holds another kind of key"):
        await opened_by(pool, folder=tmp_path).open()
    (tmp_path / "other.pem").write_text("nothing")
    with pytest.raises(SigningKeysError, match=r"other\.pem holds no private key"):
        await opened_by(pool, folder=tmp_path).open()


async def test_another_secret_opens_nothing_and_is_told_what_to_do(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that starts with it exits; one that runs keeps its keys, and logs why. If the
    secret is lost, a revocation with the new one creates a key that it decrypts."""
    keys = opened_by(pool)
    await keys.open()
    before = kids(keys)
    other = opened_by(pool, "a secret that was made anew")
    with pytest.raises(SigningKeysError, match="HUBBUB_SIGNING_SECRET_FILE does not open"):
        await other.open()
    made, removed = await other.revoke()
    assert removed == before
    await other.open()
    assert kids(other) == [made]
    with caplog.at_level(logging.ERROR, "hubbub"), pytest.raises(SigningKeysError):
        await keys.reload_again()
    (record,) = [one for one in caplog.records if one.message == "signing keys not read again"]
    assert "HUBBUB_SIGNING_SECRET_FILE does not open" in vars(record)["fields"]["error"]
    assert kids(keys) == before


def test_the_operator_changes_keys_by_the_command_line(
    own_database: str, environment: dict[str, str]
) -> None:
    """It needs only the database and the secret, and reports what it created and removed."""
    needed = {
        name: environment[name]
        for name in ("HUBBUB_USERS_DATABASE_URL", "HUBBUB_SIGNING_SECRET_FILE")
    }

    def run(what: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "users", "keys", what],
            env={"PATH": os.environ["PATH"], **needed},
            cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip

    first = run("rotate").split()[1].rstrip(",")
    assert run("revoke").endswith(f"removed {first}\n")


@pytest.mark.parametrize("what", ["rotate", "revoke"])
def test_keys_of_a_database_that_was_never_set_up_are_a_sentence(
    make_database: Callable[[], str], environment: dict[str, str], what: str
) -> None:
    """As before the first start, or after one that failed early."""
    given = {**environment, "HUBBUB_USERS_DATABASE_URL": make_database()}
    done = subprocess.run(
        [sys.executable, "-m", "users", "keys", what], env={"PATH": os.environ["PATH"], **given},
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("users: users' database has no tables yet: start Hubbub first")
