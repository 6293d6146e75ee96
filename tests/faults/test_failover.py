"""The primary of both databases is lost with its machine, or hangs, and a standby takes over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.faults.storm import Scene, ride_out
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.replicas import Replicated
from tests.fixtures.servers import PostgresServer

UNNOTICED_SECONDS = 3.0  # until the primary is declared dead


@pytest.fixture
async def replicated(
    make_postgres: Callable[..., PostgresServer], tmp_path: Path
) -> AsyncIterator[Replicated]:
    """A primary whose commits wait for its standby."""
    servers = Replicated(make_postgres, tmp_path / "standby", synchronous=True, fsync="on")
    yield servers
    servers.close()


@pytest.fixture
async def replicated_system(tmp_path: Path, replicated: Replicated) -> AsyncIterator[Hubbub]:
    """A whole Hubbub whose databases are on two servers."""
    users, chats = (replicated.primary.make_database() for _ in range(2))
    async with Hubbub(
        tmp_path / "data",
        replicas="edge=2,realtime=2,users=2,chats=2",
        users_database_url=replicated.url_of(users),
        chats_database_url=replicated.url_of(chats),
    ) as hubbub:
        yield hubbub


@pytest.mark.long
async def test_the_primary_is_lost_with_its_machine(
    replicated_system: Hubbub, replicated: Replicated, seed: int
) -> None:
    """Answered messages are on the standby; unanswered ones are retried, and stored once."""

    async def inject(scene: Scene) -> None:
        with scene.fault("primary lost"):
            await asyncio.to_thread(replicated.lose_primary)
            await asyncio.sleep(UNNOTICED_SECONDS)
            replicated.standby.promote()
        await asyncio.sleep(6)

    await ride_out(
        replicated_system, inject, fault="7 PostgreSQL's primary lost with its machine",
        invariants="I1 to I9, I23", seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_the_primary_hangs_and_wakes_up(
    replicated_system: Hubbub, replicated: Replicated, seed: int
) -> None:
    """Its connections stay open and say nothing. When it goes on, it still accepts writes."""

    async def inject(scene: Scene) -> None:
        with scene.fault("primary hangs"):
            replicated.primary.pause()
            await asyncio.sleep(UNNOTICED_SECONDS)
            replicated.standby.promote()
        await asyncio.sleep(8)
        with scene.fault("primary wakes up"):
            replicated.primary.go_on()
        await asyncio.sleep(3)

    await ride_out(
        replicated_system, inject, fault="7 PostgreSQL's primary hangs during a failover",
        invariants="I1 to I9, I23", seed=seed,
    )  # fmt: skip
