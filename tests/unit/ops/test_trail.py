"""What is found about one request in logs that were rotated, and torn by a full disk."""

import json
from pathlib import Path

from ops.trail import find_trail

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def line(time: str, role: str, **fields: str) -> str:
    usual = {"time": time, "level": "info", "role": role, "trace": TRACE, "event": "request"}
    return json.dumps({**usual, **fields})


def test_older_files_are_read_and_torn_lines_are_not(tmp_path: Path) -> None:
    """In the order of time, whatever file it is in."""
    whole = line("2026-01-01T00:00:02.000Z", "edge")
    (tmp_path / "edge-1.log").write_text(f"{whole}\n{whole[:-30]}\n{TRACE}\n")
    (tmp_path / "chats-1.log.old").write_text(line("2026-01-01T00:00:01.000Z", "chats") + "\n")
    assert [found["role"] for found in find_trail(tmp_path, TRACE)] == ["chats", "edge"]
