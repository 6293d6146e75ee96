"""Waits for the database when a service starts."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from common.database.failures import DatabaseUnavailable

WAIT_SECONDS: Final = 8.0
RETRY_SECONDS: Final = 0.1


async def set_up_when_reachable(set_up: Callable[[], Awaitable[None]]) -> None:
    """Retries for a while; then raises what `set_up` raised."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await set_up()
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(RETRY_SECONDS)
