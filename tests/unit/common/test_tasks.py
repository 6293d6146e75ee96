"""How background tasks end, even if their code swallows a cancellation."""

import asyncio
import signal

import pytest

from common.process import tasks


async def test_a_task_that_loses_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As often as needed; one that ends at the first is done at once."""
    monkeypatch.setattr(tasks, "CANCEL_AGAIN_SECONDS", 0.02)
    losses = 0

    async def lose_two() -> None:
        nonlocal losses
        while losses < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                losses += 1
        await asyncio.sleep(3600)

    stubborn, mild = tasks.start(lose_two()), tasks.start(asyncio.sleep(3600))
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.stop([stubborn, mild]), 30)
    assert losses == 2
    assert stubborn.cancelled()
    assert mild.cancelled()


async def test_nothing_to_stop() -> None:
    """Without tasks there is no wait."""
    await tasks.stop([])


async def test_a_task_that_dies_ends_the_process() -> None:
    """A process with a dead task is told to stop."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)

    async def die() -> None:
        raise ZeroDivisionError

    try:
        task = tasks.start(die())
        await asyncio.wait_for(told.wait(), 30)
        assert isinstance(task.exception(), ZeroDivisionError)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
