"""The figures of the machine that the fleet exports: the disk, and the last backup."""

import os
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fleet.data.backed_up import FILE_NAME, note_backup
from fleet.metrics import export_backup_age, export_free_bytes


def test_the_free_bytes_are_those_for_our_user(tmp_path: Path) -> None:
    """Of the disk of a folder, which may be gone if it is open: then a scrape still succeeds."""
    gone = tmp_path / "run"
    gone.mkdir()
    descriptor = os.open(gone, os.O_PATH | os.O_DIRECTORY)
    gone.rmdir()
    try:
        for place in (descriptor, str(tmp_path)):
            registry = CollectorRegistry()
            export_free_bytes(registry, place)
            disk = os.statvfs(tmp_path)
            free = registry.get_sample_value("hubbub_disk_free_bytes")
            assert free == pytest.approx(disk.f_bavail * disk.f_frsize, rel=0.1)
    finally:
        os.close(descriptor)


def test_backups_have_an_age_while_they_are_regular(tmp_path: Path) -> None:
    """From the second one on that is at most 8 days after another; whoever makes one for each
    upgrade backs up in another way. A clock that was set back makes no age negative."""
    registry = CollectorRegistry()
    export_backup_age(registry, tmp_path)
    day = 86_400
    for days_ago, expected in ((9, 0), (7, 0), (7, 7), (-1, 0), (9, 9), (7, 0)):
        note_backup(tmp_path)
        assert registry.get_sample_value("hubbub_backup_age_seconds") == pytest.approx(0, abs=30)
        os.utime(tmp_path / FILE_NAME, (time.time() - days_ago * day,) * 2)
        age = registry.get_sample_value("hubbub_backup_age_seconds")
        assert age == pytest.approx(expected * day, abs=30)


def test_a_backup_that_cannot_be_noted_is_one(tmp_path: Path) -> None:
    """Nor is an older one forgotten."""
    note_backup(tmp_path)
    (tmp_path / f"{FILE_NAME}.new").mkdir()
    note_backup(tmp_path)
    assert (tmp_path / FILE_NAME).exists()
