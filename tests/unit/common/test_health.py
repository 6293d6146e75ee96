"""Whether a process is ready, asked by many at once."""

import asyncio

import pytest

from common.calls.health import Health


async def test_probes_at_once_share_an_answer() -> None:
    """When a process that hung goes on, all probes of that time come at once. A later one gets a
    new answer."""
    asked, gate = 0, asyncio.Event()

    async def find_missing() -> str | None:
        nonlocal asked
        asked += 1
        await gate.wait()
        return f"database {asked}"

    health = Health(find_missing)
    probes = [asyncio.create_task(health.ready()) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    assert set(await asyncio.gather(*probes)) == {"database 1"}
    assert await health.ready() == "database 2"


async def test_a_probe_that_fails_or_leaves_spoils_no_other() -> None:
    """Whoever asked first may be gone by the time of the answer; an error is not kept."""
    gate, fails = asyncio.Event(), True

    async def find_missing() -> str | None:
        await gate.wait()
        if fails:
            raise ZeroDivisionError
        return None

    health = Health(find_missing)
    first, second = [asyncio.create_task(health.ready()) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    with pytest.raises(ZeroDivisionError):
        await second
    fails = False
    assert await health.ready() is None
