"""The folder of files in a backup of one machine; tests/compose backs up containers."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from files.store import FileStore, Location
from fleet.commands.backup import BackupFailed, back_up
from fleet.engines.databases import open_cluster
from fleet.settings import PROJECT_FOLDER, read_settings


def test_no_backup_is_made_without_the_folder_of_files(tmp_path: Path) -> None:
    """Its disk may not be mounted. A system without any file has one, because files makes it."""
    disk, target = tmp_path / "my disk", tmp_path / "backup.tar"
    settings = read_settings(
        {"HUBBUB_DATA": str(tmp_path / "data"), "HUBBUB_FILES_URL": (disk / "files").as_uri()}
    )
    open_cluster(settings.data / "postgres", settings.keys)
    with pytest.raises(BackupFailed, match=f"the folder of files, {disk}/files, is missing"):
        back_up(settings, target)
    assert not list(tmp_path.glob("backup.tar*"))
    FileStore(Location(settings.files_url)).close()
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "backup", target], cwd=PROJECT_FOLDER,
        env={"PATH": os.environ["PATH"], **settings.environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    # A shell may have another data directory than a unit: it names the one that it used.
    said = f"Backed up {settings.data} to {target} ({target.stat().st_size:,} bytes). "
    assert done.stdout.startswith(said)


def test_files_of_another_store_are_copied_to_the_disk_of_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may not fit on that of the databases, and PostgreSQL stops where it is full."""
    copies = []

    async def copy(_: str, target: str) -> None:
        copies.append(Path(urlsplit(target).path))

    monkeypatch.setattr("fleet.commands.backup._copy_files", copy)
    monkeypatch.delenv("TMPDIR", raising=False)
    settings = read_settings(
        {
            "HUBBUB_DATA": str(tmp_path / "data"),
            "HUBBUB_FILES_URL": "s3://bucket/a?endpoint=http://127.0.0.1:1&region=here",
        }
    )
    open_cluster(settings.data / "postgres", settings.keys)
    back_up(settings, tmp_path / "disk" / "backup.tar")
    assert [folder.parent for folder in copies] == [tmp_path / "disk"]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["backup.tar"]
