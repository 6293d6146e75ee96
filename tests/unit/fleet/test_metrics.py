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


def test_a_backup_has_an_age_once_there_is_one(tmp_path: Path) -> None:
    """The last one counts. A clock that was set back makes none negative."""
    registry = CollectorRegistry()
    export_backup_age(registry, tmp_path)

    def age() -> float | None:
        return registry.get_sample_value("hubbub_backup_age_seconds")

    assert age() == 0.0
    for made, expected in ((-1000.0, 1000.0), (1000.0, 0.0)):
        note_backup(tmp_path)
        os.utime(tmp_path / FILE_NAME, (time.time() + made,) * 2)
        assert age() == pytest.approx(expected, abs=30)


def test_a_backup_that_cannot_be_noted_is_one(tmp_path: Path) -> None:
    """Nor is an older one forgotten."""
    note_backup(tmp_path)
    (tmp_path / f"{FILE_NAME}.new").mkdir()
    note_backup(tmp_path)
    assert (tmp_path / FILE_NAME).exists()
