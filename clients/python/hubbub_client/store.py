"""Where a client stores what must outlive the program: its session, cursors and unsent changes."""

import asyncio
import contextlib
import sqlite3
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from hubbub_client.errors import NoAnswer

LOCK_SECONDS: Final = 30.0  # longer than a refresh; a call that is repeated waits twice
LOCK_AGAIN_SECONDS: Final = 0.05


class Store(Protocol):
    """Small values by name. A value is stored when `put` returns."""

    def get(self, name: str) -> bytes | None: ...

    def put(self, name: str, value: bytes) -> None: ...

    def remove(self, name: str) -> None: ...

    def names(self, beginning: str) -> list[str]:
        """In the order in which they were first put."""


@runtime_checkable
class SharedStore(Store, Protocol):
    """A store whose session several programs use at a time."""

    def locked(self) -> contextlib.AbstractAsyncContextManager[None]:
        """For one program at a time: a refresh token must not be used twice. Raises NoAnswer if
        another program keeps it for too long."""


class MemoryStore:
    """Lost when the program ends."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self._values.get(name)

    def put(self, name: str, value: bytes) -> None:
        self._values[name] = value

    def remove(self, name: str) -> None:
        self._values.pop(name, None)

    def names(self, beginning: str) -> list[str]:
        return [name for name in self._values if name.startswith(beginning)]


class FileStore:
    """One SQLite file, readable only by its owner, since it contains the refresh token. Programs
    may share its session; its cursors are for one program at a time. Raises sqlite3.Error if the
    file cannot be written or is of another kind."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._database = sqlite3.connect(path, isolation_level=None)
        weakref.finalize(self, _close, self._database)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise
            raise sqlite3.DatabaseError(
                f"Choose another file than {path}, which is not a store of the Python client:"
                f" {error}"
            ) from error
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS kept"
            " (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, value BLOB NOT NULL)"
        )

    def get(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def put(self, name: str, value: bytes) -> None:
        self._database.execute(
            "INSERT INTO kept (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def remove(self, name: str) -> None:
        self._database.execute("DELETE FROM kept WHERE name = ?", (name,))

    def names(self, beginning: str) -> list[str]:
        rows = self._database.execute(
            "SELECT name FROM kept WHERE substr(name, 1, ?) = ? ORDER BY number",
            (len(beginning), beginning),
        )
        return [name for (name,) in rows]

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """SQLite's lock of a second, empty file: programs write to the store meanwhile."""
        self._lock_path.touch(mode=0o600)
        lock = sqlite3.connect(self._lock_path, timeout=0, isolation_level=None)
        try:
            await self._take(lock)
            yield
        finally:
            lock.close()

    async def _take(self, lock: sqlite3.Connection) -> None:
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                while True:
                    try:
                        lock.execute("BEGIN IMMEDIATE")
                    except sqlite3.OperationalError as error:
                        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                            raise
                        await asyncio.sleep(LOCK_AGAIN_SECONDS)
                    else:
                        return
        except TimeoutError as error:
            raise NoAnswer(f"another program keeps {self._lock_path} locked") from error

    def close(self) -> None:
        self._database.close()


def _close(database: sqlite3.Connection) -> None:
    """Closes an unreferenced store. SQLite refuses this in a thread other than its own."""
    with contextlib.suppress(sqlite3.ProgrammingError):
        database.close()
