"""`python -m fleet stop`: ends the Hubbub that runs on a data folder, from anywhere."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from fleet.data.lock import is_held_by_command, lock_holder
from fleet.data.state import is_unit

STOP_SECONDS: Final = 45.0  # a stop takes 30 s at most
POLL_SECONDS: Final = 0.1


def stop_running(data: Path) -> int:
    """Stops it like Ctrl-C and waits until every process has ended; exit code 0 when nothing runs
    any more. A backup of a stopped system continues, and so does a unit. Raises PermissionError if
    another user runs it."""
    holder = lock_holder(data)
    if holder is None:
        print(f"No Hubbub runs on {data}.")
        return 0
    if is_held_by_command(data):
        print(f"No Hubbub runs on {data}. A backup or another command does (process {holder}).")
        return 0
    if is_unit(holder):
        print(
            "systemd runs it, and would start it again. Type: sudo systemctl stop hubbub,"
            " or restart instead of stop",
            file=sys.stderr,
        )
        return 1
    deadline = time.monotonic() + STOP_SECONDS
    try:
        os.kill(holder, signal.SIGTERM)
        os.kill(holder, signal.SIGCONT)  # so that a paused one receives it too
    except ProcessLookupError:  # it has just ended
        pass
    while lock_holder(data) == holder:
        if time.monotonic() > deadline:
            print(
                f"Hubbub (process {holder}) did not end in {STOP_SECONDS:.0f} s. "
                f"Type: kill -9 {holder}",
                file=sys.stderr,
            )
            return 1
        time.sleep(POLL_SECONDS)
    return 0
