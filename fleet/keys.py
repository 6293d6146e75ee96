"""Secrets of one machine, each in a file of its own that is made on first use and never changes."""

import secrets
from pathlib import Path

from fleet.folder import replace_file

SECRET_BYTES = 32


def make_key_folder(folder: Path) -> None:
    """Only its owner may look inside."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def read_or_make_secret(path: Path) -> str:
    """The secret in the file, as hex digits; a file that exists is whole, whenever it was made."""
    if not path.exists():
        replace_file(path, f"{secrets.token_hex(SECRET_BYTES)}\n".encode(), durable=True)
    return path.read_text().strip()
