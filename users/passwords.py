"""Argon2id hashes of passwords, computed and checked off the event loop by a few threads.

The queue in front of them refuses rather than grows, and tells callers not to retry by themselves,
so that a flood of log-ins slows down nothing but log-ins. Knows no account.
"""

import asyncio
import os
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from prometheus_client import Counter, Histogram

from common.calls.calls import gave_up
from common.calls.http_server import caller_has_left
from common.protocol.errors import unavailable
from common.protocol.fields import MAX_PASSWORD_SPELLING

T = TypeVar("T")

# RFC 9106 and OWASP's Password Storage Cheat Sheet: the second recommended setting of Argon2id.
MEMORY_KIB = 19_456
PASSES = 2

WAITING_A_THREAD = 64  # some 1.3 s of work; a caller tries elsewhere after 1.5 s
MAX_WAIT_SECONDS = 1.4  # for a thread and for the hash
# Users who chat have priority over users who log in. With 10, no log-in succeeds while four other
# processes want each core (docs/decisions/operation.md).
NICENESS = 5

WAIT_SECONDS = Histogram(
    "hubbub_users_hashing_wait_seconds",
    "Seconds a password waited for a thread",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
REFUSED = Counter("hubbub_users_hashing_refused", "Password checks refused", ["reason"])


def create_hasher(memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> argon2.PasswordHasher:
    """Argon2id with one lane."""
    return argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)


def normalise(password: str) -> str:
    """NFC (Unicode Annex 15): keyboards compose the same character differently. Text that is too
    long for a password is not changed."""
    if len(password) > MAX_PASSWORD_SPELLING:
        return password
    return unicodedata.normalize("NFC", password)


class Passwords:
    """Hashes and checks, unless the caller has left; at most `threads` at once, and 64 more waiting
    for each."""

    def __init__(self, hasher: argon2.PasswordHasher, threads: int) -> None:
        self._hasher = hasher
        self._threads = ThreadPoolExecutor(
            threads, thread_name_prefix="hashing", initializer=_give_way
        )
        self._inside = 0
        self._max_inside = threads * (1 + WAITING_A_THREAD)
        # Checked when there is no password, so that the answer takes as long.
        self._dummy = hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """Raises Refusal `unavailable` if too many are waiting."""
        return await self._run(lambda: self._hasher.hash(normalise(password)))

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Without a hash to compare with it takes as long, and returns false.

        Raises Refusal `unavailable` if too many are waiting.
        """
        found = await self._run(lambda: self._check(normalise(password), hashed or self._dummy))
        return found and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made with parameters other than the current ones."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _check(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside >= self._max_inside:
            REFUSED.labels("queue full").inc()
            raise gave_up()  # retrying is what a flood would make its callers do
        self._inside += 1
        asked = time.perf_counter()
        has_left = caller_has_left.get()

        def begin() -> T:
            WAIT_SECONDS.observe(time.perf_counter() - asked)
            if has_left():  # after an outage there are many such calls, and others wait behind them
                REFUSED.labels("caller left").inc()
                raise unavailable()
            return work()

        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, begin)
        except TimeoutError:
            REFUSED.labels("waited too long").inc()
            raise unavailable() from None
        finally:
            self._inside -= 1


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
