"""When the data of a folder was last backed up, if that is done regularly.

A file says it: its time is that of the last backup, and it has a byte if the one before was made at
most `REGULAR_SECONDS` earlier. Whoever backs up in another way makes one for an upgrade at times.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet.data.folder import replace_file

FILE_NAME: Final = "backed-up"
REGULAR_SECONDS: Final = 8 * 86_400  # every week, and a day for the cron of a machine that was off


def note_backup(data: Path) -> None:
    """Now. The backup counts although this fails, as on a full disk."""
    last = _last_backup(data)
    is_regular = last is not None and time.time() - last <= REGULAR_SECONDS
    with suppress(OSError):
        replace_file(data / FILE_NAME, b"1" if is_regular else b"")


def backup_age(data: Path) -> float:
    """In seconds; 0 if backups are not made regularly."""
    last = _last_backup(data)
    if last is None or (data / FILE_NAME).stat().st_size == 0:
        return 0.0
    return max(0.0, time.time() - last)


def _last_backup(data: Path) -> float | None:
    try:
        return (data / FILE_NAME).stat().st_mtime
    except FileNotFoundError:
        return None
