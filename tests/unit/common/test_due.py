"""Items that are due after a while."""

import asyncio

from common.valkey.due import SLOT_SECONDS, Due


async def test_items_are_handed_over_when_they_are_due() -> None:
    """In their order, none of them early."""
    handed: list[tuple[float, list[str]]] = []
    loop, started = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    due = Due[str](lambda items: handed.append((loop.time() - started, items)))
    due.add("last", 0.5)
    due.add("first", 0.1)
    due.add("second", 0.1)
    assert len(due) == 3
    async with asyncio.timeout(30):
        while due:  # noqa: ASYNC110 - waits
            await asyncio.sleep(0.01)
    assert [item for _, items in handed for item in items] == ["first", "second", "last"]
    assert handed[0][0] >= 0.1
    assert handed[-1][0] >= 0.5


async def test_drained_items_are_not_handed_over() -> None:
    """Later ones are."""
    handed: list[str] = []
    due = Due[str](handed.extend)
    due.add("drained", 0.0)
    due.add("drained too", 0.2)
    assert due.drain() == ["drained", "drained too"]
    due.add("later", 0.3)
    async with asyncio.timeout(30):
        while due:  # noqa: ASYNC110 - waits
            await asyncio.sleep(SLOT_SECONDS)
    assert handed == ["later"]
