"""Log-in: who is admitted, and what those who are not can learn."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from common.database.pool import Pool
from common.protocol.errors import Refusal
from common.protocol.users import Grant, LogIn
from users.passwords import REFUSED

SAMPLES = 16
# Two samples of one distribution exceed this, on either side, once in 16 million times: 19 of the
# C(32, 16) orders have 5 pairs or fewer the wrong way round (Mann and Whitney's U).
SURELY_TOLD = 5.5 / SAMPLES**2


async def seconds_of_refusal(users: Any, username: str, password: str) -> float:
    started = time.perf_counter()
    with pytest.raises(Refusal) as refused:
        await users.call("log_in", LogIn(username=username, password=password), Grant)
    seconds = time.perf_counter() - started
    assert refused.value.code == "invalid_credentials"
    return seconds


async def test_name_is_compared_in_lower_case(users: Any) -> None:
    """A log-in works with any case of the name and returns the name as it was chosen."""
    ann = await users.sign_up("Ann", "correct horse")
    grant = await users.call("log_in", LogIn(username="aNN", password="correct horse"), Grant)
    assert grant.user == ann.grant.user


async def test_password_is_the_same_in_every_composition(users: Any) -> None:
    """An accent typed as one character or as two gives the same password (NFC)."""
    await users.sign_up("Ann", "caf\u00e9 au lait")
    grant = await users.call("log_in", LogIn(username="Ann", password="cafe\u0301 au lait"), Grant)
    assert grant.user.username == "Ann"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("nobody", "correct horse"),
        ("Ann", "wrong horse"),
        ("Bob", "correct horse"),
        ("Bob", ""),
        ("Ann\0", "correct horse"),
        ("%", "correct horse"),
        ("\u0130da", "correct horse"),
        ("Er\u212a", "correct horse"),
    ],
)
async def test_refusals_cannot_be_told_apart(users: Any, username: str, password: str) -> None:
    """Unknown name, wrong password and account without password: the same body."""
    for name in ("Ann", "Ida", "Erk"):
        await users.sign_up(name, "correct horse")
    await users.sign_up("Bob")
    request = json.dumps({"username": username, "password": password}).encode()
    headers = users.http.caller.headers("users")
    answered = await users.http.post(users.address, "/calls/log_in", request, headers)
    assert answered.status == 401
    assert answered.headers[b"content-type"] == b"application/problem+json"
    assert json.loads(answered.body) == {
        "type": "about:blank",
        "title": "Invalid credentials",
        "status": 401,
        "detail": "The username or the password is wrong.",
        "code": "invalid_credentials",
    }


async def test_refusals_take_the_same_time(
    start_replica: Callable[..., Awaitable[Any]],
) -> None:
    """The time of a refusal does not reveal whether the name exists. Without the dummy hash every
    unknown name is faster than every wrong password."""
    # Cheaper than in production: users refuses what takes longer than 1.4 s on a busy machine.
    users = await start_replica(hashing_memory_kib=4_096, hashing_passes=1)
    await users.sign_up("Ann", "correct horse")
    await users.sign_up("Bob")
    seconds: dict[str, list[float]] = {"Ann": [], "Bob": [], "nobody": [], "x" * 300: []}
    for _ in range(SAMPLES):
        for name in random.sample(list(seconds), len(seconds)):
            seconds[name].append(await seconds_of_refusal(users, name, "wrong horse"))
    known = seconds.pop("Ann")
    shares = {name: share_above(known, taken) for name, taken in seconds.items()}
    assert all(SURELY_TOLD < share < 1 - SURELY_TOLD for share in shares.values()), shares


def share_above(one: list[float], other: list[float]) -> float:
    """How often a value of `one` is above a value of `other` (Mann and Whitney's U, scaled): 0.5
    for two samples of one distribution, 0 or 1 for two that do not overlap."""
    return sum((a > b) + (a == b) / 2 for a in one for b in other) / (len(one) * len(other))


async def test_hash_is_renewed_with_todays_parameters(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool
) -> None:
    """An account's old hash is replaced at its next log-in, and the password still works."""
    await (await start_replica()).sign_up("Ann", "correct horse")
    stronger = await start_replica(hashing_passes=2)
    for _ in range(2):
        await stronger.call("log_in", LogIn(username="Ann", password="correct horse"), Grant)
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT password_hash FROM users")).fetchone()
    assert row is not None
    assert "t=2" in row[0]


async def test_flood_is_refused_rather_than_queued(
    start_replica: Callable[..., Awaitable[Any]],
) -> None:
    """One thread accepts 65 log-ins; the others of a flood are told to retry later."""
    users = await start_replica(hashing_threads=1, hashing_memory_kib=19_456)
    answers = await asyncio.gather(
        *(
            users.call("log_in", LogIn(username=f"u{n}", password="wrong"), Grant)
            for n in range(120)
        ),
        return_exceptions=True,
    )
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    # 120 minus the 65, and minus those that the thread finished while the last ones were in
    # transit.
    assert codes.count("unavailable") >= 20
    assert set(codes) == {"unavailable", "invalid_credentials"}


async def test_nothing_is_hashed_for_callers_that_have_left(users: Any) -> None:
    """After an outage their log-ins wait in the sockets of a replica, together with new ones."""
    body = json.dumps({"username": "Ann", "password": "wrong horse"}).encode()
    (credential, *_) = users.http.caller.headers("users").items()
    head = "POST /calls/log_in HTTP/1.1\r\n{}: {}\r\nContent-Length: {}\r\n\r\n"
    request = head.format(*credential, len(body)).encode() + body
    host, _, port = users.address.rpartition(":")
    left = REFUSED.labels("caller left")._value
    before = left.get()
    for _ in range(20):  # the replica runs in this thread, and sees nothing of it until the end
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(request)
    async with asyncio.timeout(30):
        while left.get() - before < 20:  # noqa: ASYNC110 - polls a metric
            await asyncio.sleep(0.01)
