"""Concurrent repeats of a change: the first result wins, whatever the others ask for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest_asyncio

from chats.log.announce import Announcer
from chats.membership.chats import create_chat
from chats.membership.coordinator import Coordinator
from chats.store.query import PLAN_OPTIONS
from common.calls.calls import Calls
from common.database.pool import Pool, create_pool
from common.protocol.chats import CreateChat
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import Empty

STRANGER = new_id()


class Users:
    """Knows everybody except the stranger. `meanwhile` runs before each vote."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._meanwhile = meanwhile

    async def call(self, name: str, request: Any, answer: Any, **_: Any) -> Empty:
        if name == "prepare":
            await self._meanwhile()
            if STRANGER in request.add:
                raise Refusal("unknown_user", "Some of these users do not exist.")
        return Empty()


class Nobody:
    """An announcer that ignores commits."""

    def announce(self, *_: Any) -> None:
        """Does nothing."""


def coordinate(pool: Pool, meanwhile: Callable[[], Awaitable[object]]) -> Coordinator:
    return Coordinator(pool, cast(Calls, Users(meanwhile)), cast(Announcer, Nobody()))


def request_of(user: str, key: str, participants: list[str]) -> CreateChat:
    return CreateChat(
        user=user, session=new_id(), key=key, chat_name="Garden", participants=participants
    )


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A coordinator's connection pool."""
    async with create_pool(database_url, size=4, options=PLAN_OPTIONS) as pool:
        yield pool


async def test_repeats_of_one_replica_wait_for_the_first(pool: Pool) -> None:
    """Including one that would be refused if it were the first."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await go.wait()

    coordinator, user, key = coordinate(pool, wait), new_id(), new_id()
    first = asyncio.create_task(create_chat(coordinator, request_of(user, key, [])))
    await asked.wait()
    other = asyncio.create_task(create_chat(coordinator, request_of(user, key, [STRANGER])))
    await asyncio.sleep(0.1)  # as far as it gets
    go.set()
    assert await other == await first


async def test_a_no_is_no_answer_where_another_replica_was_quicker(pool: Pool) -> None:
    """Another replica commits between the repeat's lookup of the first result and the vote of
    users."""
    user, key = new_id(), new_id()
    quicker = coordinate(pool, lambda: asyncio.sleep(0))
    first = []

    async def be_quicker() -> None:
        first.append(await create_chat(quicker, request_of(user, key, [])))

    coordinator = coordinate(pool, be_quicker)
    assert [await create_chat(coordinator, request_of(user, key, [STRANGER]))] == first
