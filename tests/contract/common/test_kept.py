"""A kept connection on the event loop of the services."""

import asyncio
import socket
import struct

import pytest
import uvloop

from chats.store.query import fetch
from chats.store.statement import Statement
from common.database.failures import DatabaseUnreachable
from common.database.pool import create_pool
from tests.fixtures.busy import BUSY
from tests.fixtures.servers import PostgresServer

SLEEP = Statement("sleep", "SELECT pg_sleep(60)")
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
LAST_WORDS = b"57P01"  # admin_shutdown
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of socket(7): on, for no time


async def relay(listener: socket.socket, port: int) -> None:
    """Passes everything on between one client and a port. Resets the client's connection with the
    server's last words, so that the client sees both at once."""
    loop = asyncio.get_running_loop()
    client, _ = await loop.sock_accept(listener)
    with client, socket.socket() as server:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        server.setblocking(False)
        await loop.sock_connect(server, ("127.0.0.1", port))
        there = asyncio.create_task(_pass_on(client, server))
        while LAST_WORDS not in (data := await loop.sock_recv(server, 65_536)):
            await loop.sock_sendall(client, data)
        there.cancel()
        await asyncio.wait([there])
        client.send(data)


async def _pass_on(one: socket.socket, other: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(one, 65_536):
        await loop.sock_sendall(other, data)


async def wait_through_a_reset(url: str, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        between = listener.getsockname()[1]
        passing = asyncio.create_task(relay(listener, port))
        async with (
            create_pool(url.replace(f":{port}/", f":{between}/"), size=1) as pool,
            create_pool(url, size=1) as looking,
        ):
            waiting = asyncio.create_task(SLEEP.fetch(pool, []))
            while not await fetch(looking, END):  # noqa: ASYNC110 - polls another process
                await asyncio.sleep(0.01)
            with pytest.raises(DatabaseUnreachable):
                await asyncio.wait_for(waiting, BUSY)
        await passing


def test_a_connection_that_is_reset_ends_its_statement(postgres: PostgresServer) -> None:
    """Even if the reset comes together with the server's last message: uvloop then calls a reader
    once, and never again."""
    url = postgres.make_database()
    uvloop.run(wait_through_a_reset(url, postgres.port))
    postgres.drop_database(url)
