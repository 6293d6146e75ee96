"""The sockets' port: accepts, and hands each connection over. Also what all of them share in time:
the wheel, revocations, drain."""

import asyncio
import random
import socket
from collections.abc import Sequence
from typing import Final

from common.process.logs import log
from common.protocol.close_codes import CloseCode
from realtime.connection import Connection, Services
from realtime.keepalive import TICK_SECONDS

BACKLOG: Final = 4096
DRAIN_SECONDS: Final = 5.0
DRAIN_BATCHES: Final = 50
MAX_RETURN_DELAY_MS: Final = 3_000
LEAVE_TIMEOUT_SECONDS: Final = 8.0
POLL_SECONDS: Final = 0.02


async def open_server(services: Services, listener: socket.socket) -> asyncio.Server:
    """Accepts connections from now on."""
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    open_listener = (
        loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
    )
    return await open_listener(lambda: Connection(services), sock=listener, backlog=BACKLOG)


async def turn_wheel(services: Services) -> None:
    """Asks connections what is due, until cancelled."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for connection in services.wheel.take_due():
            connection.tick()


def end_sessions(services: Services, sessions: Sequence[str]) -> None:
    """Closes the sockets of revoked sessions."""
    revoked = set(sessions)
    for connection in [c for c in services.connections if c.session_id in revoked]:
        connection.end(CloseCode.SESSION_REVOKED, "the session is revoked")


def send_away(connection: Connection) -> None:
    """The reason is a delay in ms, so that not all come back at once."""
    delay = random.randrange(MAX_RETURN_DELAY_MS)  # noqa: S311 - spreads load
    connection.end(CloseCode.DRAINING, str(delay))


async def drain(services: Services) -> None:
    """Ends all connections in batches, those last whose sends are not answered yet."""
    services.admission.is_draining = True
    everybody = list(services.connections)
    random.shuffle(everybody)
    size = max(20, len(everybody) // DRAIN_BATCHES)
    for start in range(0, len(everybody), size):
        for connection in everybody[start : start + size]:
            if not connection.sends_in_flight:
                send_away(connection)
        pause = DRAIN_SECONDS / DRAIN_BATCHES
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load
    try:
        async with asyncio.timeout(LEAVE_TIMEOUT_SECONDS):
            while services.connections:
                for connection in list(services.connections):
                    if not connection.sends_in_flight:
                        send_away(connection)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        log("sockets left at the end of the drain", sockets=len(services.connections))
    log("drained", sockets=len(everybody))
