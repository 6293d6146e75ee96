"""The death of the only process of a role, as HAProxy sees it: one connection after the other."""

import asyncio
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from fleet.data.folder import short_path
from fleet.engines.balancer import Front, Mode, PoolServer
from tests.contract.fleet.conftest import SERVERS, MakeEntrance

IDLE = 8
WAIT_SECONDS = 60.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Dying:
    """A server that keeps its connections. It answers after `IDLE` requests have come, so that each
    has a connection. From then on those are dead: HAProxy learns it of each by its request."""

    def __init__(self) -> None:
        self.dead = 0
        self._came = 0
        self._all_came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_old = not self._all_came.is_set()
        await reader.readuntil(b"\r\n\r\n")
        if is_old:
            self._came += 1
            if self._came == IDLE:
                self._all_came.set()
            await self._all_came.wait()
            writer.write(ANSWER)
            if await reader.read(1):
                self.dead += 1
        else:
            writer.write(ANSWER)
            await writer.drain()
        writer.close()


@pytest.mark.parametrize(("pool", "method"), [("edge", "GET"), ("edge", "POST"), ("files", "GET")])
async def test_a_request_survives_connections_that_are_about_to_end(
    make_entrance: MakeEntrance, tmp_path: Path, pool: str, method: str
) -> None:
    """A process that is killed closes its connections one by one. Until the last one is closed,
    HAProxy may replay a request on another one of them."""
    path = "/api/file/x" if pool == "files" else "/x"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    entrance, dying = await make_entrance(Front()), Dying()
    server = PoolServer(pool, f"{pool}-2", f"{pool}-2.sock")
    others: dict[PoolServer, Mode] = {one: "ready" for one in SERVERS if one.pool != pool}
    with ExitStack() as stack:
        place = stack.enter_context(short_path(tmp_path, server.socket))
        stack.enter_context(closing(await asyncio.start_unix_server(dying.serve, place)))
        await entrance.balancer.set_servers({server: "awaited", **others})
        clients = [await entrance.connect() for _ in range(IDLE)]
        for _, writer in clients:
            stack.enter_context(closing(writer))
        said = await asyncio.gather(*(ask(*client, head) for client in clients))
        assert set(said) == {"HTTP/1.1 200 OK"}
        assert await ask(*clients[0], head) == "HTTP/1.1 200 OK"
        assert dying.dead == IDLE, "HAProxy did not use its old connections"


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> str:
    """The status line of the answer."""
    writer.write(head)
    async with asyncio.timeout(WAIT_SECONDS):
        return (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0]
