"""The lag of the event loop."""

import asyncio
import time

from common.process.loop_lag import LOOP_LAG, TICK_SECONDS, measuring_loop_lag


def measured() -> float:
    """The total lag so far, in seconds."""
    return next(s.value for m in LOOP_LAG.collect() for s in m.samples if s.name.endswith("_sum"))


async def test_what_blocks_the_loop_is_measured() -> None:
    """A timer that was due while the loop was busy is late by the remaining time."""
    before = measured()
    async with measuring_loop_lag():
        await asyncio.sleep(0)
        time.sleep(TICK_SECONDS + 0.2)  # noqa: ASYNC251 - blocks the loop on purpose
        async with asyncio.timeout(30):
            while measured() - before < 0.15:  # noqa: ASYNC110 - polls a metric
                await asyncio.sleep(0.01)
