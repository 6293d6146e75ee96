"""Measures how late a process's event loop runs, which delays everything due in it, and how many
tasks it has.

One timer, four times a second unless the process is at rest; does not know what keeps the loop
busy.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import Gauge, Histogram

from common.process.rest import NEVER, Rest

TICK_SECONDS: Final = 0.25

LOOP_LAG: Final = Histogram(
    "hubbub_loop_lag_seconds",
    "How much later than due a timer of the loop ran.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
AT_REST: Final = Gauge(
    "hubbub_at_rest", "1 while nobody has come to this process for half a minute."
)
TASKS: Final = Gauge("hubbub_loop_tasks", "Tasks of the loop that have not ended.")


@asynccontextmanager
async def measuring_loop_lag(rest: Rest = NEVER) -> AsyncIterator[None]:
    """Measures as long as the block runs."""
    loop = asyncio.get_running_loop()
    TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
    AT_REST.set_function(rest.has_begun)
    task = asyncio.create_task(_measure(rest))
    try:
        yield
    finally:
        task.cancel()


async def _measure(rest: Rest) -> None:
    while True:
        if rest.has_begun():
            await rest.pause(TICK_SECONDS)
            continue
        started = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        LOOP_LAG.observe(max(0.0, time.perf_counter() - started - TICK_SECONDS))
