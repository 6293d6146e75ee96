"""`python -m edge`: one edge process, until SIGTERM."""

import asyncio
import socket
import sys
from contextlib import AsyncExitStack

import uvloop

from common.calls.http_server import serving_http
from common.calls.service import CallService
from common.process.garbage import tune_collector
from common.process.logs import log, set_up_logs
from common.process.loop_lag import measuring_loop_lag
from common.process.service import DRAIN_NOTICE_SECONDS, stop_event
from common.process.variables import SettingsError
from edge.app import open_edge
from edge.http.server import serving_app
from edge.settings import EdgeSettings, read_edge_settings


async def serve(settings: EdgeSettings) -> None:
    """Serves clients, and health and metrics on a port of their own; then drains."""
    stop = stop_event()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(measuring_loop_lag())
        edge = await stack.enter_async_context(open_edge(settings))
        if settings.service.metrics_listen:
            internal = CallService([], edge.health, settings.service.service_key)
            listener = settings.service.metrics_listen.open()
            await stack.enter_async_context(serving_http(internal.handle, listener))
        public = [settings.service.listen.open()]
        if settings.balancer_listen_fd is not None:
            public.append(socket.socket(fileno=settings.balancer_listen_fd))
        await stack.enter_async_context(serving_app(edge.app, public))
        tune_collector()
        log("serving", address=settings.service.listen.address)
        await stop.wait()
        log("draining")
        edge.health.draining = True
        await asyncio.sleep(DRAIN_NOTICE_SECONDS)


def main() -> None:
    try:
        settings = read_edge_settings()
    except SettingsError as error:
        sys.exit(f"edge: {error}")
    set_up_logs("edge", settings.service.name, settings.service.log_file)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
