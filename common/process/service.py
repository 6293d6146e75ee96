"""A service of ours from its start to its end: users and chats are one each.

Serves what `Service` says, and drains when it is told to stop. Knows nothing of what it does.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from common.calls.health import Health
from common.calls.http_server import serving_http
from common.calls.service import CallService
from common.process.garbage import tune_collector
from common.process.logs import log
from common.process.loop_lag import measuring_loop_lag

DRAIN_NOTICE_SECONDS = 1.2  # the balancer checks /health/live every 500 ms


class Service(NamedTuple):
    """`running` holds what the calls need, while it is entered; `withdraw` takes the replica's
    lease back, so that callers go elsewhere."""

    calls: CallService
    health: Health
    running: Callable[[], AbstractAsyncContextManager[None]]
    withdraw: Callable[[], Awaitable[None]]


def stop_event() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


@asynccontextmanager
async def serving(service: Service, listener: socket.socket) -> AsyncIterator[None]:
    """Serves while the block runs, then lets calls in flight finish."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(service.running())
        await stack.enter_async_context(serving_http(service.calls.handle, listener))
        yield


async def serve_until_stopped(service: Service, listener: socket.socket) -> None:
    """Serves until SIGTERM, then drains."""
    stop = stop_event()
    async with measuring_loop_lag(), serving(service, listener):
        tune_collector()
        await stop.wait()
        log("draining")
        service.health.draining = True
        await service.withdraw()
        await asyncio.sleep(DRAIN_NOTICE_SECONDS)
