"""Bytes that the sweep cannot remove, here in a folder."""

from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from common.protocol.ids import new_id
from files.store import BytesMissing, FileStore, Location, StoreUnavailable
from files.sweep import Sweep
from files.upstream import Chats


def make_stuck(folder: Path, file: str) -> None:
    """A file where a folder belongs."""
    (folder / file[-2:]).mkdir(parents=True, exist_ok=True)
    (folder / file[-2:] / file).write_bytes(b"x")


class Doomed:
    """What chats knows about files whose bytes are to be removed."""

    def __init__(self, *files: str) -> None:
        self.files = list(files)

    async def list_doomed(self, limit: int, skip: int) -> list[str]:
        return self.files[skip:][:limit]

    async def forget_files(self, files: list[str]) -> None:
        self.files = [file for file in self.files if file not in files]

    async def known_files(self, files: list[str]) -> set[str]:
        return set(files)


class Nothing:
    """It is all that chats or users knows about."""

    async def known_files(self, _: list[str]) -> set[str]:
        return set()


async def test_bytes_that_cannot_be_removed_are_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many, they do not prevent the removal of others that were deleted later."""
    monkeypatch.setattr("files.sweep.AT_ONCE", 2)
    with closing(FileStore(Location(tmp_path.as_uri()))) as store:
        stuck, other = [new_id() for _ in range(5)], new_id()
        await store.put(other, "0", b"x")
        for file in stuck:
            make_stuck(tmp_path, file)
        doomed = Doomed(*stuck, other)
        sweep = Sweep(cast(Chats, doomed), store, {})
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await sweep.remove_doomed()
        assert doomed.files == stuck
        with pytest.raises(BytesMissing):
            await store.read(other, "0")


async def test_unknown_bytes_that_cannot_be_removed_keep_no_others(tmp_path: Path) -> None:
    """Neither of the same shard nor of another part of the store."""
    with closing(FileStore(Location(tmp_path.as_uri()))) as store:
        avatars = store.part("avatars")
        stuck = new_id()
        other, avatar = (new_id()[:-2] + stuck[-2:] for _ in range(2))
        make_stuck(tmp_path, stuck)
        await store.put(other, "0", b"x")
        await avatars.put(avatar, "0", b"x")
        sweep = Sweep(cast(Chats, Nothing()), store, {avatars: Nothing().known_files})
        with pytest.raises(StoreUnavailable):
            await sweep.remove_unknown(stuck[-2:], -60)
        for part, file in ((store, other), (avatars, avatar)):
            with pytest.raises(BytesMissing):
                await part.read(file, "0")
