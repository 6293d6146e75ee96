"""The bus is a Valkey cluster: slots move, replicas take over, and primaries die."""

import asyncio
from collections.abc import AsyncIterator, Callable
from operator import attrgetter
from pathlib import Path

import pytest

from tests.faults.storm import Scene, ride_out
from tests.fixtures.cluster import ValkeyCluster
from tests.fixtures.hubbub import Hubbub

INVARIANTS = "I1 to I9, I16"


@pytest.fixture
def cluster(make_cluster: Callable[..., ValkeyCluster]) -> ValkeyCluster:
    """Three shards, each with a primary and a replica."""
    return make_cluster(3)


@pytest.fixture
async def clustered_system(tmp_path: Path, cluster: ValkeyCluster) -> AsyncIterator[Hubbub]:
    """A whole Hubbub whose bus is a cluster."""
    async with Hubbub(
        tmp_path / "data",
        replicas="edge=2,realtime=2,users=2,chats=2",
        valkey_url=cluster.url,
    ) as hubbub:
        yield hubbub


@pytest.mark.long
async def test_slots_move_and_primaries_die(
    clustered_system: Hubbub, cluster: ValkeyCluster, seed: int
) -> None:
    """Every chat is delivered again within two seconds of each fault, and nothing twice."""

    async def inject(scene: Scene) -> None:
        topics = [f"{{p{number}}}" for number in range(0, 128, 8)]
        for topic in topics[:4]:
            with scene.fault("slot moved"):
                await asyncio.to_thread(cluster.move_slot, topic)
            await asyncio.sleep(0.5)
        primary = await asyncio.to_thread(cluster.primary_of, topics[0])
        replica = await asyncio.to_thread(cluster.replica_of, primary)
        with scene.fault("failed over in order"):
            await asyncio.to_thread(replica.tell, "CLUSTER", "FAILOVER")
        await asyncio.sleep(2)
        for _, member in zip(range(2), list(cluster.members), strict=False):
            if not await asyncio.to_thread(attrgetter("is_primary"), member):
                continue
            with scene.fault("primary killed"):
                await asyncio.to_thread(member.kill)
            await asyncio.sleep(5)
            await asyncio.to_thread(member.start)
            await asyncio.to_thread(cluster.until_well)

    await ride_out(
        clustered_system, inject, fault="5 Valkey cluster: slots move, primaries die",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip
