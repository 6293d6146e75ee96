"""`make move-files` on one machine: `files.move`, unless a Hubbub or a backup uses the old place.

Knows nothing of how bytes are stored.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from fleet.data.lock import is_held_by_command, lock_holder
from fleet.data.state import started_with
from fleet.settings import FleetSettings


class InUse(Exception):
    """The text says by what."""


def check_unused(settings: FleetSettings, source: str) -> None:
    """Raises InUse. A shell may lack HUBBUB_DATA: the folder that contains the files counts too."""
    folders = {settings.data}
    if urlsplit(source).scheme == "file":
        folders.add(_folder_of(source).parent)
    for data in folders:
        holder = lock_holder(data)
        if holder is None:
            continue
        if is_held_by_command(data):
            raise InUse(f"A backup or another command works on {data}. Try again when it is done.")
        theirs = started_with(holder) or settings.environment
        used = theirs.get("HUBBUB_FILES_URL") or (data / "files").as_uri()
        if _place_of(used) == _place_of(source):
            raise InUse(f"The Hubbub on {data} uses {source}. Stop it first: make stop")


def _place_of(url: str) -> str:
    """However a folder is spelt."""
    return str(_folder_of(url)) if urlsplit(url).scheme == "file" else url


def _folder_of(url: str) -> Path:
    return Path(unquote(urlsplit(url).path)).resolve()


def move_files(settings: FleetSettings, source: str, target: str, *, copy: bool) -> NoReturn:
    """Becomes `python -m files.move`. Raises InUse."""
    check_unused(settings, source)
    words = ["-m", "files.move", source, target, *(["--copy"] if copy else [])]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606
