"""The sockets' port: accepts connections and passes each one on. Also the timer wheel that all
share."""

import asyncio
import socket
import ssl
from typing import Final

from realtime.sockets.connection import Connection
from realtime.sockets.keepalive import TICK_SECONDS
from realtime.sockets.services import Services

BACKLOG: Final = 4096
TLS_SECONDS: Final = 10.0  # for a handshake, and for the end of a connection
# The kernel's part of what a stuck reader may cost; the kernel doubles it.
SEND_BUFFER: Final = (socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)


class LocalConnection(Connection):
    """From a Unix socket, which does not inherit its listener's buffer size, as one of TCP does."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(*SEND_BUFFER)
        super().connection_made(transport)


async def open_server(
    services: Services, listener: socket.socket, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """Accepts connections from now on."""
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    is_local = listener.family == socket.AF_UNIX
    open_listener = loop.create_unix_server if is_local else loop.create_server
    create = LocalConnection if is_local else Connection
    if not is_local:  # 3 us per connection, if it were done there
        listener.setsockopt(*SEND_BUFFER)
    seconds = TLS_SECONDS if tls else None
    return await open_listener(
        lambda: create(services),
        sock=listener,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=seconds,
        ssl_shutdown_timeout=seconds,
    )


async def turn_wheel(services: Services) -> None:
    """Asks connections what is due, until cancelled. Each open one is in the wheel: while there is
    one the node is not at rest."""
    while True:
        await services.rest.pause(TICK_SECONDS)
        if not services.wheel.is_empty:
            services.rest.note()
        for connection in services.wheel.take_due():
            connection.tick()


async def drain(services: Services) -> None:
    """Accepts no new ones, ends all connections and stores what they have sent."""
    services.admission.is_draining = True
    await services.connections.drain()
    await services.markers.drain()
