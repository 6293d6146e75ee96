"""Hubbub on PostgreSQL with automatic failover: Patroni with etcd, as in docs/hosts.md."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.storm import Scene, ride_out
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.patroni import PROGRAMS, Patroni


@pytest.fixture
async def patroni(tmp_path: Path) -> AsyncIterator[Patroni]:
    if not (PROGRAMS / "etcd").exists():
        pytest.fail(f"There is no Patroni in {PROGRAMS}: .ci/patroni puts it there", pytrace=False)
    made = await asyncio.to_thread(Patroni, tmp_path)
    yield made
    await asyncio.to_thread(made.close)


@pytest.fixture
async def system(tmp_path: Path, patroni: Patroni) -> AsyncIterator[Hubbub]:
    """A whole Hubbub whose databases are on three servers."""
    urls = {
        f"{role}_database_url": await asyncio.to_thread(patroni.make_database, f"hubbub_{role}")
        for role in ("users", "chats")
    }
    async with Hubbub(
        tmp_path / "data", replicas="edge=2,realtime=2,users=2,chats=2", **urls
    ) as hubbub:
        yield hubbub


@pytest.mark.long
@pytest.mark.timeout(500)
async def test_patroni_fails_over_and_switches_over(
    system: Hubbub, patroni: Patroni, seed: int
) -> None:
    """The primary is lost with its Patroni, returns as a standby, and takes part in a switchover:
    nothing answered is lost, duplicated or out of order, and all serve again."""

    async def inject(scene: Scene) -> None:
        lost = patroni.primary
        with scene.fault("primary lost with its machine"):
            await asyncio.to_thread(lost.lose)
            await asyncio.to_thread(patroni.until_primary)
        await asyncio.sleep(3)
        await asyncio.to_thread(lost.start)
        await asyncio.to_thread(patroni.until_well)
        with scene.fault("switched over in order"):
            await asyncio.to_thread(patroni.switch_over)
            await asyncio.to_thread(patroni.until_primary)
        await asyncio.to_thread(patroni.until_well)
        await asyncio.sleep(2)

    await ride_out(
        system, inject, fault="7 PostgreSQL with Patroni: primary lost, then switched over",
        invariants="I1 to I9, I23", seed=seed,
    )  # fmt: skip
