"""The store of bytes behaves the same in a folder and in an S3 store, here served by rclone."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.protocol.ids import new_id
from files.move import copy, move
from files.ranges import Span
from files.store import PIECE_BYTES, PREVIEW, BytesMissing, FileStore, Location, StoreUnavailable
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from tests.fixtures.busy import quiet_environment

KEY = "hubbub"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Location]:
    """A separate bucket on a server that requires a key."""
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    secret = secrets.token_hex(16)
    port = ReservedPort()
    program = Path(sys.executable).parent / "rclone"
    command: list[str | Path] = [
        program, "serve", "s3", "--addr", port.address, "--auth-key", f"{KEY},{secret}",
        "--config", "", "--vfs-cache-mode", "off", folder,
    ]  # fmt: skip
    with (folder.parent / "s3.log").open("wb") as output:
        process = spawn(command, env=os.environ, cwd=folder, output=output)
    try:
        deadline = time.monotonic() + 60
        while not _is_up(port.number):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Location(f"s3://bucket/under/here?endpoint=http://{port.address}", KEY, secret)
    finally:
        process.kill()
        process.wait()
        port.close()


def _is_up(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["folder", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "s3":
        found: Location = request.getfixturevalue("s3")
        return found
    return Location((tmp_path / "files").as_uri())


@pytest.fixture
def store(location: Location) -> Iterator[FileStore]:
    with closing(FileStore(location)) as store:
        yield store


async def put(store: FileStore, data: bytes) -> str:
    file = new_id()
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        await store.put(file, str(number), data[start : start + PIECE_BYTES])
    return file


async def read(store: FileStore, file: str, span: Span) -> bytes:
    return b"".join([data async for data in store.read_span(file, span)])


async def test_what_was_put_is_read(store: FileStore) -> None:
    """All of it, ranges across the boundaries of pieces, and the preview."""
    data = bytes(range(251)) * 5_000
    file = await put(store, data)
    await store.put(file, PREVIEW, b"small")
    assert await read(store, file, Span(0, len(data))) == data
    for start, end in ((0, 1), (PIECE_BYTES - 1, PIECE_BYTES + 1), (len(data) - 1, len(data))):
        assert await read(store, file, Span(start, end)) == data[start:end]
    assert await store.read(file, PREVIEW) == b"small"


async def test_what_was_removed_is_gone(store: FileStore) -> None:
    """Pieces and preview; removing it again, or what never existed, is not an error."""
    file, other = await put(store, b"x" * PIECE_BYTES * 2), await put(store, b"y")
    await store.put(file, PREVIEW, b"small")
    for _ in range(2):
        await store.remove(file)
    for name in ("0", "1", PREVIEW):
        with pytest.raises(BytesMissing):
            await store.read(file, name)
    assert await store.read(other, "0") == b"y"


async def test_files_are_listed_by_shard(store: FileStore) -> None:
    """Those to which nothing was added for a while."""
    file = await put(store, b"x")
    assert file in await store.list_shard(file[-2:], -60)
    assert file not in await store.list_shard(file[-2:], 60)
    assert file not in await store.list_shard(f"{int(file[-2:], 16) ^ 1:02x}", -60)


async def test_what_goes_meanwhile_keeps_nothing_from_being_listed(tmp_path: Path) -> None:
    """Here a dangling link stands for a file that another process has just removed."""
    with closing(FileStore(Location(tmp_path.as_uri()))) as store:
        file = await put(store, b"x")
        (tmp_path / file[-2:] / new_id()).symlink_to(tmp_path / "gone")
        assert await store.list_shard(file[-2:], -60) == [file]


async def test_a_store_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    """Also for a folder that was removed."""
    folder = tmp_path / "files"
    for location in (
        Location(folder.as_uri()),
        Location("s3://bucket?endpoint=http://127.0.0.1:9", "a", "b"),
    ):
        with closing(FileStore(location)) as store:
            if folder.is_dir():
                folder.rmdir()
                folder.write_text("no folder")
            with pytest.raises(StoreUnavailable):
                await store.put(new_id(), "0", b"x")


@pytest.mark.parametrize("url", ["", "ftp://x", "s3://", "s3://b?endpont=x", "/folder"])
def test_urls_that_name_no_store(url: str) -> None:
    """The error is reported when a process starts."""
    with pytest.raises(ValueError, match="is not"):
        FileStore(Location(url))


async def test_bytes_move_from_one_to_the_other(s3: Location, tmp_path: Path) -> None:
    """And back; what is there already is not copied again."""
    with closing(FileStore(s3)) as far, closing(FileStore(Location(tmp_path.as_uri()))) as near:
        far.delete([*far.walk()])
        file = await put(near, b"x" * (PIECE_BYTES + 1))
        assert (copy(near, far), copy(near, far)) == (2, 0)
        assert await read(far, file, Span(0, PIECE_BYTES + 1)) == b"x" * (PIECE_BYTES + 1)
        near.delete([*near.walk()])
        assert copy(far, near) == 2
        assert await near.read(file, "1") == b"x"


def test_the_command_moves_them(tmp_path: Path) -> None:
    """The old place is empty then; an unknown place is reported with a message."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "ab" / "file").mkdir(parents=True)
    (old / "ab" / "file" / "0").write_bytes(b"x")
    command = [sys.executable, "-m", "files.move", old.as_uri(), new.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1 objects moved\n")
    assert (new / "ab" / "file" / "0").read_bytes() == b"x"
    assert not list(old.glob("**/0"))
    shutil.rmtree(old)
    wrong = subprocess.run([*command[:-1], "nowhere"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "is not file:" in wrong.stderr


@pytest.mark.parametrize("late", [1, 2])
async def test_what_is_stored_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    """A Hubbub that was not stopped may store and delete while they move."""
    with (
        closing(FileStore(Location((tmp_path / "old").as_uri()))) as old,
        closing(FileStore(Location((tmp_path / "new").as_uri()))) as new,
    ):
        files = [await put(old, b"x") for _ in range(2)]
        walks = 0

        def walk_then_change() -> dict[str, int]:
            nonlocal walks
            found = FileStore.walk(old)
            walks += 1
            if walks == late:
                (tmp_path / "old" / "ab" / "late").mkdir(parents=True)
                (tmp_path / "old" / "ab" / "late" / "0").write_bytes(b"y")
            if walks == 1:
                shutil.rmtree(tmp_path / "old" / files[0][-2:] / files[0])
            return found

        monkeypatch.setattr(old, "walk", walk_then_change)
        assert move(old, new) == 3 - late
        kept = {**FileStore.walk(old), **new.walk()}
        assert kept.keys() == {"ab/late/0", f"{files[1][-2:]}/{files[1]}/0"}


@pytest.mark.parametrize("target", ["old/", "link", "old/within"])
def test_nothing_is_moved_into_itself(tmp_path: Path, target: str) -> None:
    """What is copied is deleted from the old place, which would be the only copy."""
    piece = tmp_path / "old" / "ab" / "file" / "0"
    piece.parent.mkdir(parents=True)
    piece.write_bytes(b"x")
    (tmp_path / "link").symlink_to("old")
    command = [
        sys.executable,
        "-m",
        "files.move",
        *(f"file://{tmp_path}/{n}" for n in ("old", target)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "FROM and TO are one place" in done.stderr
    assert piece.read_bytes() == b"x"


async def test_two_places_in_one_bucket_are_told_apart(s3: Location) -> None:
    """By their contents, since a bucket has many spellings."""
    place = s3.url.partition("?")
    prefixes = [s3._replace(url=f"{place[0]}/{name}?{place[2]}") for name in ("a", "b", "a/c")]
    with closing(FileStore(prefixes[0])) as a, closing(FileStore(prefixes[1])) as b:
        assert a.holds(a)
        assert not a.holds(b)
        with closing(FileStore(prefixes[2])) as within:
            assert a.holds(within)
            assert not within.holds(a)
        assert (a.walk(), b.walk()) == ({}, {})


def test_a_place_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """It has the folder and the reason."""
    (tmp_path / "old").mkdir()
    (tmp_path / "taken").touch()
    places = (f"file://{tmp_path}/{name}" for name in ("old", "taken/new"))
    done = subprocess.run(
        [sys.executable, "-m", "files.move", *places],
        env=quiet_environment(), capture_output=True, text=True,
    )  # fmt: skip
    said = f"files.move: cannot make the folder {tmp_path}/taken/new: Not a directory\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_a_place_to_move_from_is_not_made(tmp_path: Path) -> None:
    """A misspelt folder has no files, and Hubbub would be started without them."""
    command = [
        sys.executable,
        "-m",
        "files.move",
        *(f"file://{tmp_path}/{n}" for n in ("od", "new")),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"there is no folder {tmp_path}/od" in done.stderr
    assert not (tmp_path / "od").exists()


async def test_a_folder_that_is_gone_or_takes_nothing_is_noticed(tmp_path: Path) -> None:
    """As when its disk is removed; it is not created again, and the check leaves nothing behind."""
    folder = tmp_path / "files"
    with closing(FileStore(Location(folder.as_uri()))) as store:
        await store.check()
        assert list(folder.iterdir()) == []
        folder.rename(tmp_path / "away")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="FileNotFoundError"):
                await store.check()
        (tmp_path / "away").rename(folder)
        await store.check()


FAIL = """
import asyncio, sys
from files.store import FileStore, Location, StoreUnavailable

async def fail(folder):
    store = FileStore(Location(f"file://{folder}"))
    await store.check()
    try:
        await store.check_writing()
    except StoreUnavailable as error:
        print(error.why)
    store.close()

asyncio.run(fail(sys.argv[1]))
"""


@pytest.mark.parametrize(("mount", "why"), [("size=256k", "full"), ("ro", "read-only")])
def test_a_folder_that_takes_nothing_says_why(mount: str, why: str, tmp_path: Path) -> None:
    """The error has the reason, although the folder can be read."""
    command: list[str | Path] = [
        "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
        'mount -t tmpfs -o "$0" none "$1" && exec "$2" -c "$3" "$1"',
        mount, tmp_path, sys.executable, FAIL,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [why]


async def test_a_bucket_that_takes_nothing_says_why(s3: Location) -> None:
    """A wrong key, no such bucket, no server."""
    port = ReservedPort()
    nobody = s3.url.partition("=")[0] + f"=http://{port.address}"
    for location, why in (
        (s3._replace(secret="another"), "refused"),
        (s3._replace(url=s3.url.replace("//bucket", "//another")), "missing"),
        (s3._replace(url=nobody), "unreachable"),
    ):
        with closing(FileStore(location)) as store:
            with pytest.raises(StoreUnavailable) as failed:
                await store.check_writing()
            assert failed.value.why == why, str(failed.value)
    port.close()
    with closing(FileStore(s3._replace(url=s3.url.replace("under/here", "checked")))) as store:
        await store.check_writing()
        assert store.walk() == {}


REMOVE = """
import asyncio, subprocess, sys
from common.protocol.ids import new_id
from files.store import FileStore, Location, StoreUnavailable

async def remove(folder):
    store, file = FileStore(Location(f"file://{folder}")), new_id()
    await store.put(file, "0", b"x")
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    try:
        await store.remove(file)
    except StoreUnavailable as error:
        print(error.why)
    store.close()

asyncio.run(remove(sys.argv[1]))
"""


def test_what_could_not_be_removed_is_not_said_to_be_gone(tmp_path: Path) -> None:
    """Here on a file system that became read-only, as happens after a disk error."""
    command: list[str | Path] = [
        "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
        'mount -t tmpfs none "$0" && exec "$1" -c "$2" "$0"', tmp_path, sys.executable, REMOVE,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["read-only"]


async def test_nothing_is_removed_from_a_folder_that_is_gone(tmp_path: Path) -> None:
    """It may come back, with all its contents."""
    folder = tmp_path / "files"
    with closing(FileStore(Location(folder.as_uri()))) as store:
        file = await put(store, b"x")
        folder.rename(tmp_path / "away")
        with pytest.raises(StoreUnavailable):
            await store.remove(file)
