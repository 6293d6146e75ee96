"""When servers are asked for a new primary; tests/contract/common/test_failover.py uses real
ones."""

import asyncio

from common.database.failover import FailoverProbe


async def test_a_probe_that_fails_is_not_repeated_at_once() -> None:
    """And after the end no other one starts."""
    asked = []

    async def ask_all() -> None:
        asked.append("all")
        raise ValueError("not what a server should say")

    probe = FailoverProbe(ask_all)
    for _ in range(5):
        probe.probe()
        await asyncio.sleep(0.01)
    assert asked == ["all"]
    await probe.close()
    probe.probe()
    await asyncio.sleep(0.01)
    assert asked == ["all"]
