"""`python -m files.move FROM TO` moves the bytes of files to another store; see `make move-files`.

Both are URLs as in HUBBUB_FILES_URL; the key of an S3 store comes from the environment. Objects
that are already there are not copied again, so it may be repeated. What is in the new store is
deleted from the old one, which must not contain the new one; with `--copy` it is left as it is.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec

from common.process.variables import SECRET_FILE, TEXT, SettingsError, Variable, read_variables
from files.store import BytesMissing, FileStore, Location, StoreUnavailable


class KeySettings(msgspec.Struct, frozen=True):
    """The credentials of an S3 store; see files/settings.py."""

    access_key: Annotated[str, Variable("HUBBUB_FILES_ACCESS_KEY", TEXT, "")]
    secret: Annotated[str | None, Variable("HUBBUB_FILES_SECRET_FILE", SECRET_FILE, "")]


def open_store(url: str) -> FileStore:
    """Raises SettingsError, ValueError for a URL that cannot be read."""
    key = read_variables(KeySettings, os.environ)
    return FileStore(Location(url, key.access_key, key.secret))


def copy(source: FileStore, target: FileStore) -> int:
    """The number of objects copied. Raises StoreUnavailable."""
    return _copy_missing(source.walk(), source, target)


def move(source: FileStore, target: FileStore) -> int:
    """The number of objects copied. Deletes only what it has found in the source: a Hubbub that
    still runs may store more at any time. Raises StoreUnavailable."""
    copied, moved = 0, set[str]()
    while found := {path: size for path, size in source.walk().items() if path not in moved}:
        copied += _copy_missing(found, source, target)
        source.delete([*found])
        moved |= found.keys()
    return copied


def _copy_missing(found: Mapping[str, int], source: FileStore, target: FileStore) -> int:
    there, copied = target.walk(), 0
    for path, size in found.items():
        if there.get(path) != size:
            with suppress(BytesMissing):  # Hubbub has deleted it
                source.copy_to(target, path)
                copied += 1
    return copied


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m files.move", description=__doc__)
    parser.add_argument("source", metavar="FROM")
    parser.add_argument("target", metavar="TO")
    parser.add_argument("--copy", action="store_true", help="leave the old place as it is")
    arguments = parser.parse_args()
    try:
        with closing(open_store(arguments.target)) as target, ExitStack() as stack:
            old = urlsplit(arguments.source)
            if old.scheme == "file" and not Path(unquote(old.path)).is_dir():
                raise ValueError(f"there is no folder {unquote(old.path)}")
            source = stack.enter_context(closing(open_store(arguments.source)))
            if source.holds(target):  # it would be deleted too
                raise ValueError("FROM and TO are one place, or TO is within FROM")
            copied = (copy if arguments.copy else move)(source, target)
    except (SettingsError, StoreUnavailable, ValueError) as error:
        sys.exit(f"files.move: {error}")
    sys.stdout.write(f"{copied} objects {'copied' if arguments.copy else 'moved'}\n")


if __name__ == "__main__":
    main()
