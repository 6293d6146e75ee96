"""`python -m realtime`: one node, until SIGTERM."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.process.service import Serving, own_tls, run_process, serving_health
from realtime.node import open_node
from realtime.presence.calls import create_calls
from realtime.settings import RealtimeSettings, read_realtime_settings
from realtime.sockets.server import drain, open_server


@asynccontextmanager
async def serving_realtime(settings: RealtimeSettings) -> AsyncIterator[Serving]:
    """Serves sockets, and on a separate port health, metrics and the one call."""
    async with (
        own_tls(settings.service) as tls,
        open_node(settings) as node,
        serving_health(
            node.health,
            settings.service,
            create_calls(node.services.hub),
            settings.callers,
            rest=node.rest,
            tls=tls,
        ),
    ):
        servers = [await open_server(node.services, settings.service.listen.open(), tls)]
        local = None
        if settings.balancer_listen_fd is not None:
            local = socket.socket(fileno=settings.balancer_listen_fd)
            servers.append(await open_server(node.services, local))

        async def end_sockets() -> None:
            # Closed at once: the kernel refuses new connections, and they go to another node.
            if local is not None:
                local.shutdown(socket.SHUT_RDWR)  # the fleet has it open too
            for server in servers:
                server.close()
            await node.withdraw()
            await drain(node.services)

        yield Serving(node.health, end_sockets, node.rest)


def main() -> None:
    run_process("realtime", read_realtime_settings, serving_realtime)


if __name__ == "__main__":
    main()
