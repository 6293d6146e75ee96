"""Hosts are killed whole, cut off, cut one way, slow, and restarted in order, one after the other,
while people talk."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from tests.faults.conftest import seed as seed  # a fixture
from tests.faults.storm import Scene, ride_out
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.replicas import kill_tree
from tests.hosts.hosts import CannotMakeHosts, Host
from tests.hosts.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

INVARIANTS = "I1 to I9, I23"
UNNOTICED_SECONDS = 3.0  # until somebody decides that a primary is dead
CUT_SECONDS = 8.0
SLOW_SECONDS = 8.0
DELAY_SECONDS = 0.2


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Three hosts that are all well."""
    with tempfile.TemporaryDirectory(prefix="hosts-") as folder:
        try:
            made = await asyncio.to_thread(World, Path(folder))
        except CannotMakeHosts as reason:
            pytest.fail(f"Three hosts cannot be made here: {reason}", pytrace=False)
        yield made
        await asyncio.to_thread(made.close)


async def _lose(world: World, host: Host) -> None:
    """Whoever looks after the databases notices after a while."""
    if world.databases.primary.host is host:
        await asyncio.sleep(UNNOTICED_SECONDS)
        await asyncio.to_thread(world.databases.fail_over)


async def test_each_host_is_killed(world: World, seed: int) -> None:
    """With its database, its part of the bus and its services."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            with scene.fault(f"host {host.number} killed"):
                host.kill()
                await _lose(world, host)
            await asyncio.sleep(3)
            await asyncio.to_thread(world.bring_back, host)
            await asyncio.sleep(1)

    await ride_out(
        cast(Hubbub, world), inject, fault="hosts: each of three killed whole",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["both ways", "one way"])
async def test_each_host_is_cut_off(how: str, world: World, seed: int) -> None:
    """It lives on by itself, and answers nobody that what it was told is stored."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            was_primary = world.databases.primary.host is host
            with scene.fault(f"host {host.number} cut {how}"):
                (host.cut if how == "both ways" else host.cut_sending)()
                await _lose(world, host)
                await asyncio.sleep(CUT_SECONDS)
                (host.join if how == "both ways" else host.join_sending)()
            if was_primary:  # what it has beyond the others, nobody was told of
                kill_tree(world.databases.nodes[host].process.pid)
                await asyncio.to_thread(world.databases.add_standby, host)
            await asyncio.to_thread(world.cluster.until_well)
            await asyncio.to_thread(world.until_ready)
            await asyncio.sleep(1)

    await ride_out(
        cast(Hubbub, world), inject, fault=f"hosts: each of three cut off {how}",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


async def test_each_host_is_slow(world: World, seed: int) -> None:
    """Whatever it sends takes 200 ms: its answers, and what it forwards of the log and the bus."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            with scene.fault(f"host {host.number} slow"):
                await asyncio.to_thread(host.slow_down, DELAY_SECONDS)
                await asyncio.sleep(SLOW_SECONDS)
                await asyncio.to_thread(host.speed_up)
            await asyncio.to_thread(world.cluster.until_well)
            await asyncio.to_thread(world.until_ready)
            await asyncio.sleep(1)

    await ride_out(
        cast(Hubbub, world), inject, fault="hosts: each of three 200 ms slow",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


async def test_all_hosts_are_restarted(world: World, seed: int) -> None:
    """One after the other, in order: services drain, primaries hand over; also those of the
    databases, which takes as long as it takes to see that the primary is gone."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            was_primary = world.databases.primary.host is host
            with scene.fault(f"host {host.number} restarted"):
                await asyncio.to_thread(world.stop_in_order, host)
                if was_primary:
                    await asyncio.to_thread(world.databases.fail_over)
            await asyncio.to_thread(world.bring_back, host)
            await asyncio.sleep(1)

    await ride_out(
        cast(Hubbub, world), inject, fault="hosts: all restarted one after the other",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


async def test_a_balancer_is_lost_with_its_host(world: World, seed: int) -> None:
    """Its address goes to the other one after 3 s, as with VRRP; clients come back there."""

    async def inject(scene: Scene) -> None:
        first, second = world.balancers
        with scene.fault("balancer lost with its host"):
            await asyncio.to_thread(first.kill)
            await asyncio.to_thread(first.drop, world.shared_address)
            await asyncio.sleep(UNNOTICED_SECONDS)
            await asyncio.to_thread(world.move_address, second)
        await asyncio.sleep(5)

    await asyncio.to_thread(world.start_pair)
    await ride_out(
        cast(Hubbub, world), inject, fault="hosts: one of two balancers lost with its host",
        invariants=INVARIANTS, seed=seed, origin=world.shared_origin,
    )  # fmt: skip
