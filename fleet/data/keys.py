"""Secrets of one machine, each in a file of its own that is made on first use and never changes."""

import secrets
from pathlib import Path

from common.calls.callers import CALLED, CALLERS, callers_lines
from fleet.data.folder import replace_file

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


def service_key_path(folder: Path, name: str) -> Path:
    """The secret of a service, or of the fleet, that it shows in its calls."""
    return folder / f"{name}.key"


def callers_path(folder: Path, name: str) -> Path:
    """By which a service knows its callers."""
    return folder / f"{name}.callers"


def write_callers(folder: Path) -> None:
    """Each service that is called is told of its callers, whose secrets are made on first use."""
    held = {name: read_or_make_secret(service_key_path(folder, name)) for name in CALLERS}
    for callee in CALLED:
        lines = callers_lines(held, callee)
        replace_file(callers_path(folder, callee), lines.encode(), durable=True)
