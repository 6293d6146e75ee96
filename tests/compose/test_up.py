"""`docker compose up` on a running stack."""

import asyncio

from tests.compose.stack import Stack
from tests.compose.test_accidents import survive


async def test_a_second_up_replaces_no_container(system: Stack) -> None:
    """While people talk, with and without a build, also after a rolling upgrade. A change of the
    replicas only recreates `ops`, which knows the wanted number."""
    await asyncio.to_thread(system.run, "deploy/compose-upgrade", "users", "edge")
    before, watchers = system.all_containers(), set(system.containers("ops"))

    async def accident() -> None:
        await asyncio.to_thread(system.compose, "up", "--detach", "--wait")
        await asyncio.to_thread(system.up)
        assert system.all_containers() == before
        await asyncio.to_thread(system.up, HUBBUB_EDGE_REPLICAS="3")
        replaced = before - system.all_containers()
        assert replaced == watchers

    try:
        await survive(system, accident)
    finally:
        await asyncio.to_thread(system.up)
