"""The socket through which the command line reaches the fleet that runs on a data folder.

One JSON request and one JSON answer per connection. Only processes that may open the folder get
this far.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from fleet.data.folder import short_path

SOCKET_NAME = "control.sock"
PING_TIMEOUT_SECONDS = 5.0


class Restart(msgspec.Struct, frozen=True, tag="restart"):
    """Replace every service process by a new one, one at a time, without a failed request."""


class Scale(msgspec.Struct, frozen=True, tag="scale"):
    """Run this many processes of a role, or as many as the load needs, up to `most`."""

    role: str
    replicas: int
    most: int | None = None


class MakeOwner(msgspec.Struct, frozen=True, tag="make_owner"):
    """Make an existing account an owner of the instance."""

    username: str


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Is answered at once, whatever else is in progress."""


Request = Restart | Scale | MakeOwner


class Reply(msgspec.Struct, frozen=True):
    """A sentence for the operator."""

    done: bool
    said: str


class NotRunning(Exception):
    """No fleet runs on the folder, or it stopped before it answered."""


class NotAnswering(Exception):
    """A fleet listens on the folder but does not even answer a ping."""


@asynccontextmanager
async def serve_control(
    folder: Path, handle: Callable[[Request], Awaitable[Reply]]
) -> AsyncIterator[None]:
    """Answer requests one after another for the duration of the block."""
    one_at_a_time = asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = msgspec.json.decode(await reader.readline(), type=Request | Ping)
            if isinstance(request, Ping):
                answer = Reply(True, "")
            else:
                async with one_at_a_time:
                    answer = await handle(request)
            writer.write(msgspec.json.encode(answer) + b"\n")
        except msgspec.DecodeError as error:
            writer.write(msgspec.json.encode(Reply(False, f"Not a request: {error}")) + b"\n")
        finally:
            writer.close()

    (folder / SOCKET_NAME).unlink(missing_ok=True)
    with short_path(folder, SOCKET_NAME) as path:
        server = await asyncio.start_unix_server(serve, path)
        try:
            yield
        finally:
            server.close()
            (folder / SOCKET_NAME).unlink(missing_ok=True)


async def ask_fleet(folder: Path, request: Request) -> Reply:
    """Wait until the fleet has done it, however long it takes, while the fleet answers pings: it
    bounds each request itself. Raises NotRunning, NotAnswering."""
    await ping_fleet(folder)
    asking = asyncio.ensure_future(_ask(folder, request))
    try:
        while not (await asyncio.wait({asking}, timeout=PING_TIMEOUT_SECONDS))[0]:
            await ping_fleet(folder)
        return asking.result()
    finally:
        asking.cancel()


async def ping_fleet(folder: Path) -> None:
    """Raises NotRunning, NotAnswering."""
    try:
        async with asyncio.timeout(PING_TIMEOUT_SECONDS):
            await _ask(folder, Ping())
    except TimeoutError as error:
        raise NotAnswering from error


async def _ask(folder: Path, request: Request | Ping) -> Reply:
    try:
        with short_path(folder, SOCKET_NAME) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        raise NotRunning from error
    if not line:
        raise NotRunning
    return msgspec.json.decode(line, type=Reply)
