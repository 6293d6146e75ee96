"""Passwords: the required hash parameters, and the bounded queue."""

import asyncio
import threading

import argon2
import pytest

from common.calls.calls import GAVE_UP_HEADER
from common.calls.http_server import caller_has_left
from common.protocol.errors import Refusal
from users.passwords import Passwords, create_hasher, normalise


@pytest.fixture
def cheap() -> argon2.PasswordHasher:
    return create_hasher(memory_kib=64, passes=1)


async def test_hashes_are_argon2id_at_the_demanded_cost() -> None:
    """19 MiB, two passes, one lane."""
    passwords = Passwords(create_hasher(), threads=1)
    hashed = await passwords.hash("correct horse")
    passwords.close()
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_only_the_password_matches(cheap: argon2.PasswordHasher) -> None:
    """And nothing matches without a hash, not even the dummy's input."""
    passwords = Passwords(cheap, threads=1)
    hashed = await passwords.hash("correct horse")
    assert await passwords.matches("correct horse", hashed)
    assert not await passwords.matches("Correct horse", hashed)
    assert not await passwords.matches("correct horse", None)
    passwords.close()


def test_composition_does_not_matter() -> None:
    """NFC unifies two spellings; compatibility characters stay distinct."""
    assert normalise("e\u0301") == normalise("\u00e9") == "\u00e9"
    assert normalise("\ufb01") != normalise("fi")


async def test_outdated_hash_is_known(cheap: argon2.PasswordHasher) -> None:
    """A hash with other parameters than today's is reported as outdated."""
    passwords = Passwords(cheap, threads=1)
    assert not passwords.is_outdated(cheap.hash("x"))
    assert passwords.is_outdated(create_hasher(memory_kib=128, passes=1).hash("x"))
    passwords.close()


class _Gate(argon2.PasswordHasher):
    """Hashes only once it is opened."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.is_open = threading.Event()
        self.is_open.set()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.is_open.wait()
        return super().hash(password, salt=salt)


async def test_queue_refuses_rather_than_grows() -> None:
    """One in progress and 64 waiting; the next is refused at once, and the queue recovers."""
    gate = _Gate()
    passwords = Passwords(gate, threads=1)
    gate.is_open.clear()
    inside = [asyncio.create_task(passwords.hash("x")) for _ in range(65)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await passwords.hash("x")
    assert refused.value.code == "unavailable"
    assert GAVE_UP_HEADER in refused.value.headers  # or callers would retry
    gate.is_open.set()
    await asyncio.gather(*inside)
    assert await passwords.hash("x")
    passwords.close()


async def test_nobody_waits_longer_than_a_caller_does() -> None:
    """Work that was not started in time is cancelled, and never done."""
    gate = _Gate()
    passwords = Passwords(gate, threads=1)
    gate.is_open.clear()
    answers = await asyncio.gather(passwords.hash("x"), passwords.hash("y"), return_exceptions=True)
    assert [str(answer)[:11] for answer in answers] == ["unavailable"] * 2
    gate.is_open.set()
    passwords.close()


async def test_nothing_is_hashed_for_a_caller_that_leaves_the_queue(
    cheap: argon2.PasswordHasher,
) -> None:
    """Those that wait behind it do not wait for its hash. They are told that it may be tried
    again: a parallel repeat shares the hash of a sign-up."""
    passwords = Passwords(cheap, threads=1)
    caller_has_left.set(lambda: True)
    with pytest.raises(Refusal) as refused:
        await passwords.hash("x")
    assert refused.value.code == "unavailable"
    assert GAVE_UP_HEADER not in refused.value.headers
    passwords.close()
