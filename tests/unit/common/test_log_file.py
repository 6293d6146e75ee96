"""A log file that is renamed while it is written, or on a full disk."""

import asyncio
import os
from pathlib import Path

import pytest

from common.process import log_file
from common.process.log_file import LogFile


def test_a_renamed_file_is_followed_by_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is lost, whoever renamed it, and however many processes write to it."""
    monkeypatch.setattr(log_file, "FOLLOW_SECONDS", 0.0)
    path, old = tmp_path / "edge-1.log", tmp_path / "edge-1.log.old"
    one, other = LogFile(path), LogFile(path)
    one.append(b"1\n")
    other.append(b"2\n")
    path.rename(old)
    one.append(b"3\n")
    other.append(b"4\n")
    assert (old.read_bytes(), path.read_bytes()) == (b"1\n2\n", b"3\n4\n")


def test_whether_it_was_renamed_is_asked_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for each line, since lines come by the hundred."""
    assert log_file.FOLLOW_SECONDS == 1.0
    monkeypatch.setattr(log_file, "FOLLOW_SECONDS", 3600.0)  # a second may pass meanwhile
    file = LogFile(tmp_path / "log")
    file.append(b"1\n")
    (tmp_path / "log").rename(tmp_path / "old")
    file.append(b"2\n")
    assert not (tmp_path / "log").exists()
    monkeypatch.setattr(log_file, "FOLLOW_SECONDS", 0.0)
    file.append(b"3\n")
    assert (tmp_path / "log").read_bytes() == b"3\n"


def test_a_line_that_was_torn_by_a_full_disk_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there is room again, the next line starts on a new line."""
    file = LogFile(tmp_path / "log")
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))
    file.append(b'{"event":"torn"}\n')
    monkeypatch.setattr(os, "write", write)
    file.append(b'{"event":"whole"}\n')
    assert (tmp_path / "log").read_bytes() == b'{"eve\n{"event":"whole"}\n'


async def test_lines_of_one_turn_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, also with one that is written at once, and before the next turn ends."""
    written: list[bytes] = []
    write = os.write

    def note(fd: int, data: bytes) -> int:
        written.append(data)
        return write(fd, data)

    monkeypatch.setattr(os, "write", note)
    file = LogFile(tmp_path / "log")
    file.append_soon(b"1\n")
    file.append_soon(b"2\n")
    assert written == []
    await asyncio.sleep(0)
    file.append_soon(b"3\n")
    file.append(b"4\n")
    await asyncio.sleep(0)
    file.append_soon(b"5\n")
    file.close()
    assert written == [b"1\n2\n", b"3\n4\n", b"5\n"]
    assert (tmp_path / "log").read_bytes() == b"1\n2\n3\n4\n5\n"


def test_a_folder_that_is_not_there_stops_nobody(tmp_path: Path) -> None:
    """Lines are lost until it exists."""
    LogFile(tmp_path / "gone" / "log").append(b"lost\n")
