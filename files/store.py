"""Where bytes are stored: a local folder, or any S3-compatible store. Only this file uses obstore.

A file is stored in pieces of 512 KiB, `<last two digits of its id>/<id>/<number>`: no process ever
holds more than one of them, a range reads only those it needs, and an interrupted write leaves only
pieces. Calls block and run in threads: obstore's own asynchronous calls sometimes abort when the
interpreter exits.
"""

import asyncio
import errno
import os
import re
import shutil
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from common.process.variables import FILES_URL
from common.protocol.ids import is_id, new_id
from files.ranges import Span

T = TypeVar("T")

PIECE_BYTES: Final = 2**19
PART_BYTES: Final = 2**16
THREADS: Final = 32
PREVIEW: Final = "preview"
CHECKED: Final = "check"  # objects here belong to no file
WHYS: Final = ("unreachable", "refused", "missing", "read-only", "full")
_SYSTEM_ERRORS: Final = {
    errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EROFS: "read-only",
    errno.EACCES: "read-only", errno.EPERM: "read-only", errno.ENOTDIR: "missing",
    errno.ENOENT: "missing",
}  # fmt: skip
SHARDS: Final = tuple(f"{number:02x}" for number in range(256))


class StoreUnavailable(Exception):
    """The store failed; the text is its error message, `why` is one of WHYS."""

    def __init__(self, said: str, why: str = "unreachable") -> None:
        super().__init__(said)
        self.why = why


class BytesMissing(Exception):
    """The bytes do not exist."""


class Location(NamedTuple):
    """`file:///FOLDER`, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME` with its key; without one,
    the key from the environment, as other S3 clients find it."""

    url: str
    access_key: str = ""
    secret: str | None = None


class FileStore:
    """Bytes by the id of their file. Every call raises StoreUnavailable."""

    def __init__(self, location: Location) -> None:
        """Raises ValueError for a URL that it cannot parse, or a folder that it cannot create."""
        parts = urlsplit(FILES_URL.parse(location.url))
        self._folder: Path | None = None
        self._within = ""
        self._store: LocalStore | S3Store
        if parts.scheme == "file":
            self._folder = Path(unquote(parts.path))
            _make_folder(self._folder)
            self._store = LocalStore(self._folder)
        else:
            self._store = _open_s3(location)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store")

    def close(self) -> None:
        self._threads.shutdown()

    def part(self, name: str) -> "FileStore":
        """For bytes that are not files of chats; closed with this one."""
        part = copy(self)
        part._within = f"{name}/"
        return part

    async def put(self, file: str, name: str, data: bytes | bytearray) -> None:
        """`name` is a piece's number, or PREVIEW. It is stored when this returns, and on a local
        disk it survives a power failure."""
        await self._run(self._put, f"{self._folder_of(file)}/{name}", data)

    async def put_whole(self, file: str, body: AsyncIterable[bytes]) -> int:
        """Stores a whole file in pieces, holding one at a time; returns its size. Raises what
        `body` raises."""
        size = number = 0
        piece = bytearray()
        async for data in body:
            size += len(data)
            while len(piece) + len(data) >= PIECE_BYTES:
                room = PIECE_BYTES - len(piece)
                piece += data[:room]
                await self.put(file, str(number), piece)
                piece, data, number = bytearray(), data[room:], number + 1
            piece += data
        if piece:
            await self.put(file, str(number), piece)
        return size

    async def read(self, file: str, name: str) -> bytes:
        """Raises BytesMissing."""
        return await self._run(self._read, f"{self._folder_of(file)}/{name}")

    async def read_span(self, file: str, span: Span) -> AsyncIterator[bytes]:
        """Yields a whole file, part by part. Raises BytesMissing.

        A folder is read in small parts, since a slow client holds one for long; S3 in whole pieces:
        not every store answers a range that covers the whole object as a range.
        """
        for number in range(span.start // PIECE_BYTES, -(-span.end // PIECE_BYTES)):
            first = number * PIECE_BYTES
            start, end = max(span.start - first, 0), min(span.end - first, PIECE_BYTES)
            if self._folder is None:
                piece = await self.read(file, str(number))
                yield piece if end - start == len(piece) else piece[start:end]
                continue
            path = self._folder / self._folder_of(file) / str(number)
            for at in range(start, end, PART_BYTES):
                yield await self._run(_read_part, path, at, min(end - at, PART_BYTES))

    async def remove(self, file: str) -> None:
        """Deletes all of it; it need not exist. It is gone when this returns."""
        await self._run(self._remove, self._folder_of(file))

    async def list_shard(self, shard: str, older_than_seconds: float) -> list[str]:
        """Files with objects here, none of which is younger."""
        return await self._run(self._list_shard, f"{self._within}{shard}", older_than_seconds)

    async def check(self) -> None:
        """Raises StoreUnavailable unless it answers."""
        await self._run(self._check)

    async def check_writing(self) -> None:
        """Raises StoreUnavailable unless it accepts bytes: for a folder as many as a piece has,
        since it may run out of space."""
        await self._run(self._check_writing)

    def walk(self) -> dict[str, int]:
        """The sizes of all objects, by path. Blocks, like the methods below."""
        with _naming_failures():
            found = (one for batch in obstore.list(self._store) for one in batch)
            return {o["path"]: o["size"] for o in found if not o["path"].startswith(f"{CHECKED}/")}

    def holds(self, other: "FileStore") -> bool:
        """Whether the other store is this one or inside it, however the two are spelt."""
        mark = f"{CHECKED}/{new_id()}"
        with _naming_failures():
            other._put(mark, b"1")
            try:
                found = (one for batch in obstore.list(self._store) for one in batch)
                return any(o["path"].endswith(mark) for o in found)
            finally:
                other._remove(CHECKED)

    def copy_to(self, other: "FileStore", path: str) -> None:
        with _naming_failures():
            other._put(path, self._read(path))

    def delete(self, paths: Sequence[str]) -> None:
        """They need not exist."""
        with _naming_failures():
            if self._folder is None:
                obstore.delete(self._store, paths)
                return
            for path in paths:
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, path)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        with _naming_failures():
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, work, *arguments)

    def _folder_of(self, file: str) -> str:
        """Shards are even: the last digits of an id are random."""
        return f"{self._within}{file[-2:]}/{file}"

    def _check(self) -> None:
        if self._folder is not None:
            os.scandir(self._folder).close()  # obstore treats a missing folder as empty
        obstore.list(self._store, f"{CHECKED}/").collect()

    def _check_writing(self) -> None:
        self._check()
        if self._folder is not None:
            with TemporaryFile(dir=self._folder) as file:
                file.write(bytes(PIECE_BYTES))
                file.flush()
            return
        path = f"{CHECKED}/{new_id()}"
        self._put(path, b"1")
        obstore.delete(self._store, path)

    def _put(self, path: str, data: bytes | bytearray) -> None:
        obstore.put(self._store, path, data, use_multipart=False)
        if self._folder is not None:
            _make_durable(self._folder / path)

    def _read(self, path: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError as error:
            raise BytesMissing(path) from error

    def _remove(self, folder: str) -> None:
        if self._folder is not None:
            # A process killed while writing leaves a piece that obstore does not list.
            while (self._folder / folder).exists():
                with suppress(FileNotFoundError):  # another process removes it too
                    shutil.rmtree(self._folder / folder)
            os.scandir(self._folder).close()  # an unmounted disk still has it
            return
        for batch in obstore.list(self._store, f"{folder}/"):
            obstore.delete(self._store, [found["path"] for found in batch])

    def _list_shard(self, shard: str, older_than_seconds: float) -> list[str]:
        before = time.time() - older_than_seconds
        newest: dict[str, float] = {}
        if self._folder is not None:
            if (self._folder / shard).is_dir():
                for entry in os.scandir(self._folder / shard):
                    with suppress(FileNotFoundError):  # another process removed it
                        newest[entry.name] = entry.stat().st_mtime
        else:
            for batch in obstore.list(self._store, f"{shard}/"):
                for found in batch:
                    file = found["path"].split("/")[-2]
                    at = found["last_modified"].timestamp()
                    newest[file] = max(newest.get(file, 0.0), at)
        return sorted(file for file, at in newest.items() if at < before and is_id(file))


def _read_part(path: Path, at: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(size)
    except FileNotFoundError as error:
        raise BytesMissing(str(path)) from error


@contextmanager
def _naming_failures() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        said = f"{type(error).__name__}: {error}"
        raise StoreUnavailable(said[:300], _name_cause(error, said)) from error


def _name_cause(error: Exception, said: str) -> str:
    number = getattr(error, "errno", None)
    if found := re.search(r"os error (\d+)", said):  # obstore reports it only in its text
        number = int(found[1])
    if number in _SYSTEM_ERRORS:
        return _SYSTEM_ERRORS[number]
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or "403 Forbidden" in said:
        return "refused"
    return "missing" if "NoSuchBucket" in said else "unreachable"


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {path}: {error.strerror}") from error


def _make_durable(path: Path) -> None:
    for place, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(place, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_s3(location: Location) -> S3Store:
    parts = urlsplit(location.url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    config: dict[str, Any] = {"region": options.get("region", "us-east-1")}
    if endpoint := options.get("endpoint"):
        config["endpoint"] = endpoint
    if location.access_key and location.secret:
        config["access_key_id"] = location.access_key
        config["secret_access_key"] = location.secret
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={"allow_http": True, "timeout": "20s", "connect_timeout": "3s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        **config,
    )
