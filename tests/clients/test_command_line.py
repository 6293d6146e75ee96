"""`python -m hubbub_client`, as far as it needs no server."""

from pathlib import Path

from hubbub_client.__main__ import SessionStore
from hubbub_client.store import FileStore


def test_a_command_leaves_the_place_of_a_bot_alone(tmp_path: Path) -> None:
    """It takes the session and what is unsent from the file, and begins with what comes."""
    bots = FileStore(tmp_path / "store")
    for name in ("session", "cursor a", "epoch", "unsent 1"):
        bots.put(name, b"the bot's")
    store = SessionStore(tmp_path / "store")
    assert store.get("session") == b"the bot's"
    assert (store.get("cursor a"), store.get("epoch")) == (None, None)
    for name in ("session", "cursor a", "epoch", "unsent 2"):
        store.put(name, b"the command's")
    assert store.names("cursor ") == ["cursor a"]
    assert store.names("unsent ") == ["unsent 1", "unsent 2"]
    store.close()
    assert bots.get("cursor a") == bots.get("epoch") == b"the bot's"
    assert bots.get("session") == bots.get("unsent 2") == b"the command's"
    bots.close()
