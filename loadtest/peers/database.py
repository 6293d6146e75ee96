"""The database of chats, as its own role sees it: what was asked of it, and its functions."""

from pathlib import Path
from typing import Self

import psycopg

from fleet.data.state import read_state
from fleet.engines.postgres import Database

FLUSH_SECONDS = 11.0
"""An idle connection of PostgreSQL tells what it has counted within 10 s."""


class ChatsDatabase:
    """Of the Hubbub whose data is there; one connection in autocommit."""

    def __init__(self, data: Path) -> None:
        state = read_state(data)
        assert state is not None, "Hubbub runs"
        port = next(process.port for process in state.processes if process.role == "postgres")
        password = (data / "keys" / "chats-database.password").read_text().strip()
        self.url = Database("hubbub_chats", password).url(port)
        self.connection = psycopg.connect(self.url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def transactions(self) -> int:
        """Ended since the database was made, this one apart."""
        row = self.connection.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database"
            " WHERE datname = current_database()"
        ).fetchone()
        assert row is not None, "the database we are connected to"
        return int(row[0])

    def definition(self, function: str) -> str:
        """The statement that makes a function as it is now."""
        row = self.connection.execute(
            "SELECT pg_get_functiondef(%s::regproc)", (function,)
        ).fetchone()
        assert row is not None, "regproc raises where there is none"
        return str(row[0])
