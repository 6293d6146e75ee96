"""Finding one request in logs that were rotated or truncated by a full disk."""

import json
from functools import partial
from pathlib import Path

import pytest

from ops.trail import find_last, find_trail, print_logs, read_files

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def line(time: str, role: str, **fields: str) -> str:
    usual = {"time": time, "level": "info", "role": role, "trace": TRACE, "event": "request"}
    return json.dumps({**usual, **fields})


def test_older_files_are_read_and_torn_lines_are_not(tmp_path: Path) -> None:
    """In order of time, across files; anything that is not a log line is skipped."""
    whole = line("2026-01-01T00:00:02.000Z", "edge")
    torn = [
        whole[:-30],
        TRACE,
        f'"{TRACE}"',
        f'["{TRACE}"]',
        f'{{"trace": "{TRACE}"}}',
    ]
    (tmp_path / "edge-1.log").write_text("\n".join([whole, *torn]) + "\n")
    (tmp_path / "chats-1.log.old").write_text(line("2026-01-01T00:00:01.000Z", "chats") + "\n")
    (tmp_path / "users-1.log").write_bytes(b"\xff\xfe\x00" + TRACE.encode() + b"\n")
    found = find_trail(partial(read_files, tmp_path), TRACE)
    assert [line["role"] for line in found] == ["chats", "edge"]


def test_what_docker_puts_before_a_line_is_passed_over() -> None:
    """The container's name, or the sequence that clears a line of a terminal."""
    whole = line("2026-01-01T00:00:02.000Z", "edge")
    lines = [f"\x1b[2Kedge-1  | {whole}", f"\x1b[2K{whole}"]
    assert [found["role"] for found in find_trail(lambda: lines, TRACE)] == ["edge", "edge"]


def test_a_file_that_is_renamed_while_it_is_read_is_told_once(tmp_path: Path) -> None:
    """Rotation renames NAME.log, so that it is found again by the new name."""
    whole = line("2026-01-01T00:00:02.000Z", "edge")
    assert len(find_trail(lambda: [whole, whole], TRACE)) == 1


@pytest.mark.parametrize(("name", "events"), [("edge-1", ["a"]), ("edge", ["a", "b"]), ("ed", [])])
def test_the_last_lines_of_a_process_or_a_role(name: str, events: list[str]) -> None:
    """By its full name, in order of time."""
    lines = [
        line("2026-01-01T00:00:02.000Z", "edge", process="edge-12", event="b"),
        line("2026-01-01T00:00:01.000Z", "edge", process="edge-1", event="a"),
        line("2026-01-01T00:00:01.000Z", "chats", process="chats-1", event="edge"),
    ]
    assert [found["event"] for found in find_last(lambda: lines, name)] == events


def test_nonsense_is_told_apart_from_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 for both, each with its own message."""
    assert print_logs(list, "Nonsense!", place="here") == 1
    assert "32 hex digits" in capsys.readouterr().err
    assert print_logs(list, TRACE, place="here") == 1
    assert capsys.readouterr().err == f"No log in here tells of {TRACE}.\n"
