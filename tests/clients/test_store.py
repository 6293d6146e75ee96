"""The store file of the Python client."""

import asyncio
import gc
import os
import sqlite3
import sys
from pathlib import Path
from subprocess import PIPE

import msgspec
import pytest
from hubbub_client import Client, FileStore, MemoryStore, NoAnswer, Stopped, store
from hubbub_client.rest import Tokens

from tests.clients.stub import SESSION, serving

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
HOLDER = """
import asyncio, sys
from pathlib import Path
from hubbub_client import FileStore

async def hold():
    async with FileStore(Path(sys.argv[1])).locked():
        print("locked", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


async def test_a_file_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    """With `from_environment` the program has no handle to close; Python 3.13 warns about open
    ones."""
    file = FileStore(tmp_path / "store")
    client, database = Client(store=file), file._database
    async with client:
        assert database.execute("SELECT 1").fetchone() == (1,)
    del client, file
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        database.execute("SELECT 1")


async def test_a_store_of_the_program_is_used_while_it_is_empty() -> None:
    """It may have a length, and be false until something is put into it."""

    class Counted(MemoryStore):
        def __len__(self) -> int:
            return len(self.names(""))

    empty = Counted()
    client = Client(store=empty)
    assert client._kept._store is empty
    await client.rest.close()


@pytest.mark.parametrize("text", ['["session","tokens"]\n', "Some notes.\n" * 100])
def test_a_file_of_another_kind_is_refused_unchanged(text: str, tmp_path: Path) -> None:
    """Such as the store of a JavaScript program with the same environment."""
    path = tmp_path / "store"
    path.write_text(text)
    with pytest.raises(sqlite3.DatabaseError, match=f"Choose another file than {path}"):
        FileStore(path)
    assert path.read_text() == text


async def test_a_store_is_locked_by_one_program_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others can write to it meanwhile. They wait for the program, also if it is killed."""
    mine = FileStore(tmp_path / "store")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path / "store"),
        env={**os.environ, "PYTHONPATH": str(PACKAGE)}, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"locked\n"
    mine.put("cursor c", b"5")
    with monkeypatch.context() as patch:
        patch.setattr(store, "LOCK_SECONDS", 0.2)
        with pytest.raises(NoAnswer, match="another program"):
            async with mine.locked():
                pass
    holder.kill()
    async with asyncio.timeout(20), mine.locked():
        await holder.wait()


async def test_a_client_whose_store_fails_as_it_begins_is_closed() -> None:
    """It leaves no connection behind."""

    class Broken(MemoryStore):
        def names(self, beginning: str) -> list[str]:
            if beginning.startswith("unsent "):
                raise OSError("Input/output error")
            return super().names(beginning)

    broken = Broken()
    broken.put("session", msgspec.json.encode(Tokens("ann", "a", "r", 1e12)))
    client = Client(store=broken)
    with pytest.raises(OSError, match="Input/output error"):
        await client.__aenter__()
    assert client.rest.http.closed


async def test_a_store_that_fails_at_the_end_of_the_session_hides_the_end_from_nobody() -> None:
    """Whoever waits for events hears of it."""

    class Full(MemoryStore):
        def remove(self, name: str) -> None:
            raise OSError("No space left on device")

    async with serving() as (stub, origin), Client(origin, Full()) as client:
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await stub.sockets[-1].close(code=4502)
        with pytest.raises(Stopped, match="4502"):
            await anext(client.events())


@pytest.mark.parametrize(("name", "sockets"), [("session", 0), ("epoch", 1)])
async def test_a_store_that_fails_ends_the_client_with_its_error(name: str, sockets: int) -> None:
    """As the connection is made, be it for new tokens or the position in the chats: that is no
    failure of the network, which is retried."""

    class Full(MemoryStore):
        is_full = False

        def put(self, wanted: str, value: bytes) -> None:
            if self.is_full and wanted == name:
                raise OSError("No space left on device")
            super().put(wanted, value)

    store = Full()
    store.put("session", msgspec.json.encode(Tokens("ann", "a", "r", 0.0)))
    store.is_full = True
    async with serving() as (stub, origin):
        stub.answer = lambda *_: (200, SESSION)
        async with Client(origin, store) as client:
            with pytest.raises(OSError, match="No space left"):
                await client.until_ready()
    assert len(stub.sockets) == sockets
