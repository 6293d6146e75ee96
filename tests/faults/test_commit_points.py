"""Crashes at the worst moments: after the commit and before the answer, or before publishing.

Proxies in front of the engines prolong the moment: the database has committed and its answer does
not arrive, or the bus accepts nothing.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import psycopg
import pytest

from tests.faults.conftest import Engines
from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Answer, Person

pytestmark = pytest.mark.long
Two = tuple[Person, Person, str]


@pytest.fixture
async def two(proxied_system: Hubbub) -> AsyncIterator[Two]:
    """Ann and Ben, and a chat with both."""
    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, proxied_system.origin)
        ben = await Person.sign_up(http, proxied_system.origin)
        yield ann, ben, await ann.create_chat("talk", ben.id)


async def test_killed_between_commit_and_answer(
    two: Two, proxied_system: Hubbub, engines: Engines
) -> None:
    """The retry finds what was stored: one message, one answer."""
    ann, ben, chat = two
    async with Device(ben, History()) as bens:
        await bens.until_seq(chat, 1)
        key = str(uuid.uuid4())
        for _ in range(3):
            await engines.chats_proxy.turn("stall answers")
            posting = asyncio.create_task(ann.post(chat, "just once", key=key, retry_seconds=20))
            await asyncio.sleep(0.5)
            proxied_system.kill("chats")
            engines.chats_proxy.cut()
            await engines.chats_proxy.turn("pass")
            answer = await posting
            assert answer.status in (200, 201), answer
            assert answer.body["messageInfo"]["seq"] == 2
        await bens.until_seq(chat, 2)
    assert [event["type"] for event in await ben.events(chat)] == ["chat.created", "message"]


async def test_the_database_answers_nothing_and_the_process_lives(
    two: Two, engines: Engines
) -> None:
    """A connection lost at the commit is resolved by a query, without a second row."""
    ann, ben, chat = two
    for number in range(4):
        await engines.chats_proxy.turn("stall answers")
        posting = asyncio.create_task(ann.post(chat, f"message {number}", retry_seconds=15))
        await asyncio.sleep(0.3)
        engines.chats_proxy.cut()
        await engines.chats_proxy.turn("pass")
        assert (await posting).body["messageInfo"]["seq"] == number + 2
    assert len(await ben.events(chat)) == 5


async def test_killed_between_commit_and_publishing(
    two: Two, proxied_system: Hubbub, engines: Engines
) -> None:
    """What was answered but not published is published by a process that is alive."""
    ann, ben, chat = two
    async with Device(ben, History()) as bens:
        await bens.until_seq(chat, 1)
        for seq in range(2, 6):
            await engines.valkey_proxy.turn("stall")
            assert (await ann.post(chat, f"message {seq}", retry_seconds=10)).status == 201
            proxied_system.kill("chats")
            await engines.valkey_proxy.turn("pass")
            await bens.until_seq(chat, seq, timeout=15)
        assert [event["seq"] for event in bens.applied(chat)] == [1, 2, 3, 4, 5]


async def test_50_times_the_same_post_while_edges_and_chats_die(
    two: Two, proxied_system: Hubbub
) -> None:
    """Over every edge, in parallel, across crashes: one message, one answer."""
    ann, ben, chat = two
    for role in ("edge", "chats", "edge", "chats"):
        key = str(uuid.uuid4())
        posting = [
            asyncio.create_task(ann.post(chat, f"during {role}", key=key, retry_seconds=20))
            for _ in range(50)
        ]
        await asyncio.sleep(0.02)
        old = proxied_system.kill(role)
        answers = await asyncio.gather(*posting)
        assert {answer.status for answer in answers} <= {200, 201}
        assert len({str(answer.body["messageInfo"]) for answer in answers}) == 1
        await proxied_system.until_replaced(old)
    assert len(await ben.events(chat)) == 5


async def test_killed_before_users_has_prepared(
    two: Two, proxied_system: Hubbub, engines: Engines
) -> None:
    """A database's answers do not arrive and a process dies: both databases agree in the end, and
    the retry of the request creates one chat."""
    ann, ben, _ = two
    for proxy, role in (
        (engines.users_proxy, "users"),
        (engines.users_proxy, "chats"),
        (engines.chats_proxy, "chats"),
        (engines.chats_proxy, "users"),
    ):
        await proxy.turn("stall answers")
        creating = _create_chat(ann, ben, f"{role} dies")
        await asyncio.sleep(0.5)
        proxied_system.kill(role)
        proxy.cut()
        await proxy.turn("pass")
        assert (await creating).status in (200, 201)
    await _until_resolved(engines)
    await _check_both_sides(ben, chats=5)


@pytest.mark.parametrize("roles", [("users",), ("chats",), ("users", "chats")], ids=" and ".join)
async def test_killed_after_users_has_prepared(
    roles: tuple[str, ...], two: Two, proxied_system: Hubbub, engines: Engines
) -> None:
    """users has prepared and chats cannot commit when they die: the prepared transaction is
    resolved, both databases agree in the end, and the retry of the request creates one chat."""
    ann, ben, _ = two
    for round_ in range(3):
        async with _decisions_locked(engines):
            creating = _create_chat(ann, ben, f"round {round_}")
            await _until_prepared(engines)
            for role in roles:
                proxied_system.kill(role)
            # A kill is no rollback: PostgreSQL keeps prepared transactions, and edge may retry.
            assert await _count_prepared(engines) >= 1
        assert (await creating).status in (200, 201)
        await _until_resolved(engines)
    await _check_both_sides(ben, chats=4)


def _create_chat(ann: Person, ben: Person, name: str) -> asyncio.Task[Answer]:
    body = {"participants": [ben.id], "chatName": name}
    return asyncio.create_task(
        ann.ask("POST", "/api/chat", body, key=str(uuid.uuid4()), retry_seconds=20)
    )


@asynccontextmanager
async def _decisions_locked(engines: Engines) -> AsyncIterator[None]:
    """Inside the block chats can read, but commit no change: it waits for the lock, at most a
    second."""
    url = engines.databases["chats"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("LOCK TABLE decisions IN EXCLUSIVE MODE")
        yield
        await connection.rollback()


async def _count_prepared(engines: Engines) -> int:
    url = engines.databases["users"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _until_prepared(engines: Engines) -> None:
    deadline = time.monotonic() + 10
    while await _count_prepared(engines) == 0:
        assert time.monotonic() < deadline, "users has prepared nothing"
        await asyncio.sleep(0.01)


async def _until_resolved(engines: Engines) -> None:
    """Waits until no transaction is prepared; a change in progress ends within its 5 s."""
    deadline = time.monotonic() + 15
    while left := await _count_prepared(engines):
        assert time.monotonic() < deadline, f"{left} transactions stay prepared"
        await asyncio.sleep(0.1)


async def _check_both_sides(person: Person, *, chats: int) -> None:
    listed = {chat["id"] for chat in (await person.ask("GET", "/api/chat")).body["chats"]}
    me = await person.ask("GET", "/api/user/me")
    assert len(listed) == chats
    assert set(me.body["user"]["chats"]) == listed
