"""`python -m files.move FROM TO`, or `make move-files`: moves the bytes of files to another store.

Both are URLs as in HUBBUB_FILES_URL; the key of an S3 store comes from the environment. Objects
that are already there are not copied again, so it may be repeated. The old store is emptied once
everything is in the new one, which must not be inside it; with `--copy` it is left as it is.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec

from common.process.variables import SECRET_FILE, TEXT, SettingsError, Variable, read_variables
from files.store import FileStore, Location, StoreUnavailable


class KeySettings(msgspec.Struct, frozen=True):
    """The credentials of an S3 store; see files/settings.py."""

    access_key: Annotated[str, Variable("HUBBUB_FILES_ACCESS_KEY", TEXT, "")]
    secret: Annotated[str | None, Variable("HUBBUB_FILES_SECRET_FILE", SECRET_FILE, "")]


def open_store(url: str, env: Mapping[str, str] = os.environ) -> FileStore:
    """Raises SettingsError, ValueError for a URL that cannot be read."""
    key = read_variables(KeySettings, env)
    return FileStore(Location(url, key.access_key, key.secret))


def copy(source: FileStore, target: FileStore) -> int:
    """The number of objects copied. Raises StoreUnavailable."""
    there = target.walk()
    missing = [path for path, size in source.walk().items() if there.get(path) != size]
    for path in missing:
        source.copy_to(target, path)
    return len(missing)


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
            if source.holds(target):  # it would be emptied too
                raise ValueError("FROM and TO are one place, or TO is within FROM")
            copied = copy(source, target)
            if not arguments.copy:
                source.empty()
    except (SettingsError, StoreUnavailable, ValueError) as error:
        sys.exit(f"files.move: {error}")
    sys.stdout.write(f"{copied} objects {'copied' if arguments.copy else 'moved'}\n")


if __name__ == "__main__":
    main()
