"""Secrets of one machine, each in its own file that is created on first use and never changes."""

import secrets
from pathlib import Path

from common.calls.callers import CALLED, CALLERS, callers_lines
from fleet.data.folder import replace_file

SECRET_BYTES = 32


def make_key_folder(folder: Path) -> None:
    """Only its owner may open the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def read_or_make_secret(path: Path) -> str:
    """The secret in the file, as hex digits; an existing file is always complete."""
    if not path.exists():
        replace_file(path, f"{secrets.token_hex(SECRET_BYTES)}\n".encode(), durable=True)
    return path.read_text().strip()


def service_key_path(folder: Path, name: str) -> Path:
    """The secret with which a service, or the fleet, authenticates its calls."""
    return folder / f"{name}.key"


def callers_path(folder: Path, name: str) -> Path:
    """The hashes by which a service recognises its callers."""
    return folder / f"{name}.callers"


def write_callers(folder: Path) -> None:
    """Each called service learns its callers, whose secrets are created on first use."""
    held = {name: read_or_make_secret(service_key_path(folder, name)) for name in CALLERS}
    for callee in CALLED:
        lines = callers_lines(held, callee)
        replace_file(callers_path(folder, callee), lines.encode(), durable=True)
