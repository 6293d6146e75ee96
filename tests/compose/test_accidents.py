"""People talk while containers crash, pools change their size and databases restart; the judge of
the fault suite checks what all of them saw."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.compose.stack import Stack
from tests.faults.checker import judge
from tests.faults.crowd import Crowd
from tests.fixtures.history import History

SEED = 7
PATIENCE_SECONDS = 120.0  # of a sender: on a busy machine a container starts slowly


@asynccontextmanager
async def _crowd(system: Stack) -> AsyncIterator[Crowd]:
    history = History(seed=SEED)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        Crowd(
            http, system.origin, history, random.Random(SEED), patience_seconds=PATIENCE_SECONDS
        ) as crowd,
    ):
        yield crowd


async def survive(system: Stack, accident: Callable[[], Awaitable[object]]) -> None:
    """Raises AssertionError with everything that was lost, duplicated, late or out of order."""
    async with _crowd(system) as crowd:
        await crowd.talk(accident)
        await crowd.settle()
        history = await crowd.conclude()
    unanswered = [send for send in history.sends if send.ended is None and not send.refused]
    assert not judge(history)
    assert not crowd.late
    assert not unanswered


@pytest.mark.parametrize("service", ["edge", "realtime", "users", "chats", "valkey", "haproxy"])
async def test_nothing_is_lost_when_a_container_crashes(system: Stack, service: str) -> None:
    """kill -9 of one container's processes; the engine restarts it by itself."""

    async def accident() -> None:
        await system.replace_crashed(service)

    await survive(system, accident)


async def test_what_has_read_its_files_again_is_still_started_again(system: Stack) -> None:
    """After an upgrade too: `docker kill` would tell the engine to keep it stopped."""
    await asyncio.to_thread(system.run, "deploy/compose-upgrade", "ops")
    for service in ("haproxy", "prometheus"):
        await system.replace_crashed(service)


async def test_nothing_is_lost_when_pools_grow_and_shrink(system: Stack) -> None:
    """`--scale` starts containers that take part, and drains those that are removed."""

    async def scale(**numbers: int) -> None:
        words = [f"--scale={service}={number}" for service, number in numbers.items()]
        await asyncio.to_thread(system.compose, "up", "--detach", "--wait", "--no-recreate", *words)

    async def accident() -> None:
        await scale(edge=3, realtime=3, chats=3, users=3)
        assert len(system.containers("realtime")) == 3
        await scale(edge=1, realtime=1, chats=1, users=1)
        assert len(system.containers("realtime")) == 1
        await scale(edge=2, realtime=2, chats=2, users=2)

    await survive(system, accident)


@pytest.mark.parametrize("service", ["chats-database", "users-database"])
async def test_nothing_is_lost_when_a_database_restarts(system: Stack, service: str) -> None:
    """With a clean shutdown, as in an upgrade of PostgreSQL."""

    async def accident() -> None:
        await asyncio.to_thread(system.compose, "restart", service)

    await survive(system, accident)


async def test_nothing_is_lost_when_a_database_crashes(system: Stack) -> None:
    """kill -9 of all of PostgreSQL's processes; it recovers from its log."""

    async def accident() -> None:
        await system.replace_crashed("chats-database")

    await survive(system, accident)


async def test_nothing_is_lost_when_services_are_replaced(system: Stack) -> None:
    """A rolling upgrade: a service's new containers start before the old ones end."""

    async def accident() -> None:
        for service in ("users", "chats", "realtime", "edge"):
            await asyncio.to_thread(system.run, "deploy/compose-upgrade", service)

    await survive(system, accident)
