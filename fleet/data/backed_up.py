"""When the data of a folder was last backed up: the time of an empty file."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet.data.folder import replace_file

FILE_NAME: Final = "backed-up"


def note_backup(data: Path) -> None:
    """Now. The backup counts although this fails, as on a full disk."""
    with suppress(OSError):
        replace_file(data / FILE_NAME, b"")


def backup_age(data: Path) -> float:
    """In seconds; 0 if there was no backup."""
    try:
        made = (data / FILE_NAME).stat().st_mtime
    except FileNotFoundError:
        return 0.0
    return max(0.0, time.time() - made)
