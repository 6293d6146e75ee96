"""The HTTP server of processes behind the balancer: uvicorn on uvloop and httptools."""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Protocol

import uvicorn

from common.calls.health import Health
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.service import (
    DRAIN_NOTICE_SECONDS,
    HasService,
    Serving,
    own_tls,
    serving_health,
    wait_as_usual,
)
from common.process.slow_readers import BoundedHttp

KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 20.0  # for requests in flight at the end
HURRY_SECONDS = 8.0  # the same, if everything else ends too
ANSWER_SECONDS = 3.0  # for what is cancelled then: to undo its work, and to answer
FLUSH_SECONDS = 0.5
TICK_SECONDS = 1.0


class Public(NamedTuple):
    """An application for clients, and the health checks of its process for the internal port."""

    app: Any
    health: Health
    rest: Rest


class PublicSettings(HasService, Protocol):
    @property
    def balancer_listen_fd(self) -> int | None: ...


class Patience:
    """How long requests in flight may go on at the end, in seconds."""

    def __init__(self, seconds: float = STOP_SECONDS) -> None:
        self._seconds = seconds
        self._is_over = asyncio.Event()

    def hurry(self) -> None:
        """Everything ends, so that waiting for longer does not help."""
        asyncio.get_running_loop().call_later(HURRY_SECONDS, self._is_over.set)

    async def wait(self, ending: "asyncio.Task[None]") -> None:
        """Until it is done, or the time is over."""
        over = asyncio.create_task(self._is_over.wait())
        await asyncio.wait(
            (ending, over), timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
        )
        over.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: we decide when it drains. It wakes up once a second,
    because the date of its answers changes, and when it has to end; uvicorn's own wakes up ten
    times a second."""

    def __init__(self, config: uvicorn.Config, rest: Rest, patience: Patience) -> None:
        super().__init__(config)
        self._rest = rest
        self._patience = patience
        self._must_end = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await self._rest.wait(self._must_end, TICK_SECONDS)
            if not self.should_exit:  # a rest has ended
                self._must_end.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(super().shutdown(sockets))
        await self._patience.wait(ending)
        if not ending.done():
            await self._cut_short()
        await ending

    async def _cut_short(self) -> None:
        """Cancels the requests in flight. The application can still answer those that it has not
        begun to answer; the connections of the others are closed."""
        connections, tasks = self.server_state.connections, set(self.server_state.tasks)
        log("requests cut short", requests=len(tasks))
        for connection in list(connections):
            assert isinstance(connection, BoundedHttp)
            if connection.cycle is not None and connection.cycle.response_started:
                connection.transport.abort()
        await asyncio.sleep(0)  # the connections learn of it
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ANSWER_SECONDS)
        end = time.monotonic() + FLUSH_SECONDS
        while connections and time.monotonic() < end:  # noqa: ASYNC110 - the last moments
            await asyncio.sleep(0.01)
        for connection in list(connections):
            assert isinstance(connection, BoundedHttp)
            connection.transport.abort()
        if left := sum(not task.done() for task in tasks):
            log("requests do not end", level=logging.ERROR, requests=left)
        self.force_exit = True  # uvicorn would wait for them without a bound

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
    patience: Patience | None = None,
) -> AsyncIterator[None]:
    """Serves an ASGI application while the block runs, then lets requests in flight finish. Those
    for which there is no `patience` left are cancelled."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=protocol,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ws="none",
        lifespan="off",
        proxy_headers=False,  # the balancer's headers are authenticated by its secret
    )
    config.load()
    config.ssl = tls  # made by us because its certificate is reloaded; uvicorn takes files
    server = _Server(config, rest, patience or Patience())
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


@contextlib.asynccontextmanager
async def serving_public(
    opening: contextlib.AbstractAsyncContextManager[Public],
    settings: PublicSettings,
    protocol: type[BoundedHttp] = BoundedHttp,
    patience: Patience | None = None,
) -> AsyncIterator[Serving]:
    """Clients, and health and metrics on a port of their own. A process that drains with patience
    leaves that port to its successor, if it was given it."""
    service, balancer = settings.service, settings.balancer_listen_fd
    async with (
        own_tls(service) as tls,
        opening as (app, health, rest),
        contextlib.AsyncExitStack() as checks,
    ):
        await checks.enter_async_context(serving_health(health, service, rest=rest, tls=tls))
        public = [service.listen.open()]
        if balancer is not None:
            public.append(socket.socket(fileno=balancer))
        async with serving_app(app, public, protocol, tls=tls, rest=rest, patience=patience):

            async def drain() -> None:
                await asyncio.sleep(DRAIN_NOTICE_SECONDS)
                metrics = service.metrics_listen
                if patience is not None and metrics is not None and metrics.fd is not None:
                    await checks.aclose()  # the slot's next process listens there

            yield Serving(health, drain, rest, patience.hurry if patience else wait_as_usual)
