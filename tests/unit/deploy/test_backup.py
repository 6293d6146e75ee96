"""The folder of files in a backup of one machine; tests/compose backs up containers."""

from pathlib import Path

import pytest

from files.store import FileStore, Location
from fleet.commands.backup import BackupFailed, back_up
from fleet.engines.databases import open_cluster
from fleet.settings import read_settings


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
    back_up(settings, target)
    assert target.exists()
