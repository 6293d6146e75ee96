"""Whether a process is ready, asked by many at once."""

import asyncio
from types import SimpleNamespace

import pytest

from common.calls.health import SHARE_SECONDS, Health


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


async def test_a_probe_after_a_stop_gets_no_answer_from_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process stood still while it looked for the first answer. Later probes share the second
    one, also after the first has come."""
    now, found = 0.0, [asyncio.get_running_loop().create_future() for _ in range(3)]
    answers = iter(found)

    async def find_missing() -> str | None:
        return await next(answers)

    monkeypatch.setattr("common.calls.health.time", SimpleNamespace(monotonic=lambda: now))
    health = Health(find_missing)
    before = asyncio.create_task(health.ready())
    await asyncio.sleep(0)
    now += 2 * SHARE_SECONDS
    after = [asyncio.create_task(health.ready()) for _ in range(2)]
    await asyncio.sleep(0)
    found[0].set_result(None)
    assert await before is None
    after.append(asyncio.create_task(health.ready()))
    await asyncio.sleep(0)
    found[1].set_result("database")
    assert await asyncio.gather(*after) == ["database"] * 3


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
