"""The screen of `python -m ops top`, on a system in which people talk."""

import asyncio
import re

from tests.fixtures.hubbub import Hubbub
from tests.observability.run import run_ops
from tests.observability.talk import people_who_talk

PATIENCE_SECONDS = 30.0


async def test_one_picture_shows_flow_latency_and_replicas(system: Hubbub) -> None:
    """Figures of the last second; every role with what is wanted and there."""
    await system.until_whole()
    async with people_who_talk(system.origin), asyncio.timeout(PATIENCE_SECONDS):
        said = ""
        while not re.search(r"deliveries +[1-9]", said):
            code, said = await run_ops(system, "top", "--once")
            assert code == 0, said
    assert f"Hubbub at {system.origin}" in said
    assert re.search(r"messages stored +[1-9]", said), said
    assert re.search(r"sockets now +[3-9]", said), said
    assert re.search(r"REST request +[\d.]+ +[\d.]+", said), said
    for role in ("edge", "realtime", "users", "chats"):
        assert re.search(rf"{role} +2 +2 +0 +0 +\S+ +closed", said), said


async def test_without_a_fleet_there_is_nothing_to_see(system: Hubbub) -> None:
    """Exit code 1."""
    code, said = await run_ops(system, "top", "--once", HUBBUB_DATA="/nowhere")
    assert (code, said) == (1, "No Hubbub runs on /nowhere.\n")
