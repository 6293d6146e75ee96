"""The last warning or error in each process's log."""

import json
import time
from pathlib import Path
from typing import Final

LATELY_SECONDS: Final = 600
TAIL_BYTES: Final = 64 * 1024
MAX_CHARACTERS: Final = 200
LEVELS: Final = ("warning", "error", "critical")


def find_complaints(logs: Path, now: float) -> dict[str, str]:
    """The last warning or error of the last ten minutes, by process."""
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - LATELY_SECONDS))
    found = {}
    for path in sorted(logs.glob("*.log")):
        for line in reversed(_tail(path)):
            try:
                told = json.loads(line)
                if told["level"] in LEVELS and told["time"] >= since:
                    reason = told.get("error", "")
                    text = f"{told['event']}: {reason}" if reason else told["event"]
                    found[path.stem] = text[:MAX_CHARACTERS]
                    break
            except (ValueError, LookupError, TypeError):
                continue  # a broken line, or only its end was read
    return found


def _tail(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return file.read().splitlines()
    except OSError:
        return []
