"""The screen of `python -m ops top`, on a system in which people talk."""

import asyncio
import os
import pty
import re
import sys
import termios
import time
from contextlib import suppress

from tests.fixtures.hubbub import ROOT, Hubbub
from tests.observability.run import run_ops
from tests.observability.talk import people_who_talk

PATIENCE_SECONDS = 60.0
SERVICES = ("edge", "realtime", "users", "chats")
ENGINES = {"postgres": 1, "valkey": 1, "cache": 3, "balancer": 1}
SHOWN = (
    r"deliveries a second +[1-9]", r"stored a second +[1-9]", r"sockets +[3-9]",
    r"REST request +[\d.]+ +[\d.]+",
    *(rf"{role} +2 +2 +0 +0 +\S+ +ok" for role in SERVICES),
    *(rf"{engine} +{number} +{number} +0 +0 " for engine, number in ENGINES.items()),
)  # fmt: skip


async def test_one_picture_shows_flow_latency_and_replicas(system: Hubbub) -> None:
    """Figures of the last second, in which all may stand still on a busy machine; every role with
    its wanted and actual number of replicas."""
    await system.until_whole()
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with people_who_talk(system.origin):
        said, missing = "", SHOWN
        while missing:
            assert time.monotonic() < deadline, f"{missing} in {said}"
            code, said = await run_ops(system, "top", "--once")
            assert code == 0, said
            missing = tuple(one for one in SHOWN if not re.search(one, said))
    assert f"Hubbub at {system.origin}" in said
    assert max(map(len, said.splitlines())) <= 80
    assert len(said.splitlines()) <= 24


async def test_q_ends_the_live_screen(system: Hubbub) -> None:
    """The screen says so, and leaves the terminal as it was."""
    await system.until_whole()
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(ours)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops", "top",
        env={**system.environment, "TERM": "xterm"}, cwd=ROOT,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = bytearray()
    reading = asyncio.create_task(asyncio.to_thread(read_terminal, ours, said))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b"q ends" not in said:  # noqa: ASYNC110 - a terminal has no event
                await asyncio.sleep(0.05)
            os.write(ours, b"q")
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading
        after = termios.tcgetattr(ours)
        os.close(ours)
    assert after == before


def read_terminal(descriptor: int, said: bytearray) -> None:
    """Reads until the other end is closed."""
    with suppress(OSError):
        while data := os.read(descriptor, 4096):
            said += data


async def test_without_a_fleet_there_is_nothing_to_see(system: Hubbub) -> None:
    """Exit code 1."""
    code, said = await run_ops(system, "top", "--once", HUBBUB_DATA="/nowhere")
    assert (code, said) == (1, "No Hubbub runs on /nowhere.\n")
