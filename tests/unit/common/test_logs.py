"""Log lines of a separate process."""

import json
import subprocess
import sys
from typing import Any

from fleet.settings import PROJECT_FOLDER

THREE_LINES = """
import logging
from common.process.logs import current_trace, log, set_up_logs
set_up_logs("edge", "edge-1")
current_trace.set("a" * 32)
log("request", status=201, ms=1.5)
try:
    raise ValueError("broken")
except ValueError:
    log("unhandled error", level=logging.ERROR, exception=True, path="/x")
logging.getLogger("some.library").warning("%d left", 3)
logging.getLogger("some.library").info("unreadable %d", "three")
logging.getLogger("uvicorn.access").info("chatter")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )


def without_time(line: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(line)
    assert fields.pop("time")[-1] == "Z"
    return fields


def test_every_line_is_json_whoever_wrote_it() -> None:
    """Ours, with and without a traceback, and a library's; what cannot be formatted breaks
    nothing."""
    done = run(THREE_LINES)
    ours, broken, library = map(without_time, done.stdout.splitlines())
    usual = {"role": "edge", "process": "edge-1", "trace": "a" * 32}
    assert ours == {**usual, "level": "info", "event": "request", "status": 201, "ms": 1.5}
    assert broken.pop("exception").endswith("ValueError: broken")
    assert broken == {**usual, "level": "error", "event": "unhandled error", "path": "/x"}
    assert library == {**usual, "level": "warning", "event": "3 left"}
    assert "unreadable %d" in done.stderr


def test_a_full_disk_stops_nobody() -> None:
    """The line is lost, the program continues."""
    program = """
import os
from common.process.logs import log, set_up_logs
kept = os.dup(1)
os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
set_up_logs("edge", "edge-1")
log("request")
os.write(kept, b"went on")
"""
    assert run(program).stdout == "went on"
