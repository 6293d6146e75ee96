"""The HTTP server of processes behind the balancer: uvicorn on uvloop and httptools."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import uvicorn

from common.process.rest import NEVER, Rest
from common.process.slow_readers import BoundedHttp

KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 20
TICK_SECONDS = 1.0


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: we decide when it drains. It wakes up once a second,
    because the date of its answers changes, and when it has to end; uvicorn's own wakes up ten
    times a second."""

    def __init__(self, config: uvicorn.Config, rest: Rest) -> None:
        super().__init__(config)
        self._rest = rest
        self._must_end = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await self._rest.wait(self._must_end, TICK_SECONDS)
            if not self.should_exit:  # a rest has ended
                self._must_end.clear()

    def end(self) -> None:
        self.should_exit = True
        self._must_end.set()


@contextlib.asynccontextmanager
async def serving_app(
    app: Any,
    listeners: Sequence[socket.socket],
    protocol: type[BoundedHttp] = BoundedHttp,
    *,
    tls: ssl.SSLContext | None = None,
    rest: Rest = NEVER,
) -> AsyncIterator[None]:
    """Serves an ASGI application while the block runs, then lets requests in flight finish."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=protocol,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws="none",
        lifespan="off",
        proxy_headers=False,  # the balancer's headers are authenticated by its secret
    )
    config.load()
    config.ssl = tls  # made by us because its certificate is reloaded; uvicorn takes files
    server = _Server(config, rest)
    task = asyncio.create_task(server.serve(sockets=list(listeners)))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    if task.done():
        task.result()
        raise RuntimeError("the server ended before it started")
    try:
        yield
    finally:
        server.end()
        await task
