"""`python -m realtime`: one node, until SIGTERM."""

import socket
import sys
from contextlib import AsyncExitStack

import uvloop

from common.calls.http_server import serving_http
from common.calls.service import CallService
from common.process.garbage import tune_collector
from common.process.logs import log, set_up_logs
from common.process.loop_lag import measuring_loop_lag
from common.process.service import stop_event
from common.process.variables import SettingsError
from realtime.node import open_node
from realtime.server import drain, open_server
from realtime.settings import RealtimeSettings, read_realtime_settings


async def serve(settings: RealtimeSettings) -> None:
    """Serves sockets, and health and metrics on a port of their own; then drains."""
    stop = stop_event()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(measuring_loop_lag())
        node = await stack.enter_async_context(open_node(settings))
        if settings.service.metrics_listen:
            internal = CallService([], node.health, settings.service.service_key)
            listener = settings.service.metrics_listen.open()
            await stack.enter_async_context(serving_http(internal.handle, listener))
        sockets = [await open_server(node.services, settings.service.listen.open())]
        if settings.balancer_listen_fd is not None:
            local = socket.socket(fileno=settings.balancer_listen_fd)
            sockets.append(await open_server(node.services, local))
        tune_collector()
        log("serving", address=settings.service.listen.address)
        await stop.wait()
        log("draining")
        node.health.draining = True
        # Closed at once: whoever comes now is refused by the kernel and goes to another node.
        for server in sockets:
            server.close()
        await node.withdraw()
        await drain(node.services)


def main() -> None:
    try:
        settings = read_realtime_settings()
    except SettingsError as error:
        sys.exit(f"realtime: {error}")
    set_up_logs("realtime", settings.service.name, settings.service.log_file)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
