"""Leases without a shared clock: processes whose clocks are an hour apart announce and watch."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from common.valkey.valkey import Valkey
from tests.fixtures.servers import ValkeyServer

PROJECT = Path(__file__).parents[3]
HOUR = 3600
SHIFT = """
import os, time
ahead, right, right_ns = float(os.environ["AHEAD"]), time.time, time.time_ns
time.time = lambda: right() + ahead
time.time_ns = lambda: right_ns() + int(ahead * 1e9)
"""
ANNOUNCE = """
import asyncio, sys
from common.calls.replicas import announce_replica
from common.valkey.valkey import Valkey
asyncio.run(announce_replica(Valkey(sys.argv[1], sys.argv[2]), "chats", sys.argv[3]))
"""
WATCH = """
import asyncio, sys
from common.valkey.valkey import Valkey

async def look():
    valkey = Valkey(sys.argv[1], sys.argv[2])
    while set(await valkey.list_leases("chats") or ()) != set(sys.argv[3:]):
        await asyncio.sleep(0.1)
    valkey.close()

asyncio.run(asyncio.wait_for(look(), 60))
"""


@pytest.fixture
def shifted(tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose clock is AHEAD: Python runs this first."""
    (tmp_path / "sitecustomize.py").write_text(SHIFT)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{PROJECT}"}


@contextmanager
def announcing(
    env: dict[str, str], valkey: ValkeyServer, prefix: str, address: str, ahead: int
) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", ANNOUNCE, valkey.url, prefix, address]
    with subprocess.Popen(words, env={**env, "AHEAD": str(ahead)}, cwd=PROJECT) as process:
        try:
            yield process
        finally:
            process.kill()


async def until_leased(valkey: Valkey, expected: set[str]) -> None:
    async with asyncio.timeout(60):
        while set(await valkey.list_leases("chats") or ()) != expected:  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.05)


async def test_clocks_an_hour_off_neither_hide_nor_keep_a_replica(
    valkey: ValkeyServer, topic_prefix: str, shifted: dict[str, str]
) -> None:
    """Each finds all others, whatever its clock says, and a killed one is gone when its lease has
    expired, not an hour later."""
    clocks = {"behind:1": -HOUR, "ahead:1": HOUR, "right:1": 0}
    client = Valkey(valkey.url, topic_prefix)
    with ExitStack() as stack:
        running = {
            address: stack.enter_context(announcing(shifted, valkey, topic_prefix, address, ahead))
            for address, ahead in clocks.items()
        }
        await until_leased(client, set(clocks))
        for ahead in (-HOUR, HOUR):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", WATCH, valkey.url, topic_prefix, *clocks,
                env={**shifted, "AHEAD": str(ahead)}, cwd=PROJECT,
            )  # fmt: skip
            assert await process.wait() == 0
        running["ahead:1"].kill()
        running["behind:1"].kill()
        await until_leased(client, {"right:1"})
    client.close()
