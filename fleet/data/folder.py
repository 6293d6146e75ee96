"""Files in a data folder: replaced as a whole, and Unix sockets in a folder of any depth."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Readers see the old file or the new one, never a part; with `durable`, even after a power
    failure. Only its owner may read it. Raises OSError."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    unfinished.rename(path)


@contextmanager
def short_path(folder: Path, name: str) -> Iterator[str]:
    """A short alternative path of a file in the folder, valid for the duration of the block: the
    path of a Unix socket may have at most 107 bytes."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
