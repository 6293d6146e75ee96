"""The store file of the Python client."""

import gc
import sqlite3
from pathlib import Path

import pytest
from hubbub_client import Client, FileStore


async def test_a_file_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    """With `from_environment` the program has no handle to close; Python 3.13 warns about open
    ones."""
    client = Client(store=FileStore(tmp_path / "store"))
    database = client._kept._store._database  # type: ignore[attr-defined]
    async with client:
        assert database.execute("SELECT 1").fetchone() == (1,)
    del client
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        database.execute("SELECT 1")


@pytest.mark.parametrize("text", ['["session","tokens"]\n', "Some notes.\n" * 100])
def test_a_file_of_another_kind_is_refused_unchanged(text: str, tmp_path: Path) -> None:
    """Such as the store of a JavaScript program with the same environment."""
    path = tmp_path / "store"
    path.write_text(text)
    with pytest.raises(sqlite3.DatabaseError, match=f"Choose another file than {path}"):
        FileStore(path)
    assert path.read_text() == text
