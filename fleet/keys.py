"""Secrets of one machine, each in a file of its own that is made on first use and never changes."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def make_key_folder(folder: Path) -> None:
    """Only its owner may look inside."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def read_or_make_secret(path: Path) -> str:
    """The secret in the file, as hex digits; a file that exists is whole, whenever it was made."""
    if not path.exists():
        unfinished = path.with_name(path.name + ".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    return path.read_text().strip()
