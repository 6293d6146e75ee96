"""The servers of a running HAProxy: all at once, and after a command was refused or lost."""

import asyncio
import socket
from pathlib import Path

from fleet.data.folder import short_path
from fleet.engines.balancer import (
    MAX_COMMAND_BYTES,
    POOLS,
    SOCKET_NAME,
    Front,
    Mode,
    PoolServer,
    changes,
)
from fleet.settings import MAX_REPLICAS
from tests.contract.fleet.conftest import SERVERS, Entrance, MakeEntrance

EDGE, _, FILES = SERVERS
SPARE = PoolServer("edge", "edge-2", "edge-2.sock")
WAIT_SECONDS = 60.0


async def held(entrance: Entrance, folder: Path) -> set[str]:
    """The names of edge's servers, as HAProxy reports them."""
    with short_path(folder, SOCKET_NAME) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"show servers state edge\n")
    lines = (await reader.read()).decode().splitlines()
    writer.close()
    return {words[3] for line in lines if len(words := line.split()) > 4 and words[0] != "#"}


async def test_all_servers_that_may_be_come_and_go_at_once(
    make_entrance: MakeEntrance, tmp_path: Path
) -> None:
    """A buffer of HAProxy holds one command, not all of them together."""
    entrance = await make_entrance(Front())
    names = {f"edge-{number}" for number in range(1, MAX_REPLICAS + 1)}
    every: dict[PoolServer, Mode] = {
        PoolServer(pool, f"{pool}-{number}", f"{pool}-{number}.sock"): "ready"
        for pool in POOLS
        for number in range(1, MAX_REPLICAS + 1)
    }
    assert len(";".join(changes({}, every))) > MAX_COMMAND_BYTES
    async with asyncio.timeout(WAIT_SECONDS):
        await entrance.balancer.set_servers(every)
        assert await held(entrance, tmp_path) == names
        await entrance.balancer.set_servers(dict.fromkeys(SERVERS, "ready"))
        assert await held(entrance, tmp_path) == {"edge-1"}


async def test_a_server_whose_sessions_have_not_ended_is_deleted_after_them(
    make_entrance: MakeEntrance, tmp_path: Path
) -> None:
    """HAProxy ends them a moment after the command, and refuses the deletion until then."""
    entrance = await make_entrance(Front())
    _, writer = await entrance.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 80_000)
    async with asyncio.timeout(WAIT_SECONDS):
        while not await has_session(tmp_path):  # noqa: ASYNC110 - polls HAProxy
            await asyncio.sleep(0.02)
        while "edge-1" in await held(entrance, tmp_path):
            await entrance.balancer.set_servers({FILES: "ready"})
    writer.close()


async def has_session(folder: Path) -> bool:
    """Whether a request is in progress on the server of edge."""
    with short_path(folder, SOCKET_NAME) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"show stat edge 4 -1\n")
    row = (await reader.read()).decode().splitlines()[1].split(",")
    writer.close()
    return int(row[4]) > 0


async def test_a_command_that_died_with_its_haproxy_is_said_again(
    make_entrance: MakeEntrance, tmp_path: Path
) -> None:
    """HAProxy took the connection and ended without an answer: the server is added all the same."""
    entrance = await make_entrance(Front())
    there = tmp_path / SOCKET_NAME
    real = there.rename(tmp_path / "real.sock")
    dying = socket.socket(socket.AF_UNIX)
    dying.bind(str(there))
    dying.listen()
    telling = asyncio.create_task(
        entrance.balancer.set_servers({EDGE: "ready", FILES: "ready", SPARE: "ready"})
    )
    accepted, _ = await asyncio.to_thread(dying.accept)
    await asyncio.to_thread(accepted.recv, 65536)
    accepted.close()
    dying.close()
    await telling
    real.rename(there)
    await entrance.balancer.set_servers({EDGE: "ready", FILES: "ready", SPARE: "ready"})
    assert await held(entrance, tmp_path) == {"edge-1", "edge-2"}
