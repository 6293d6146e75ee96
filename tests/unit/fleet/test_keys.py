"""Secrets on disk."""

import stat
from pathlib import Path

from fleet.data.keys import make_key_folder, read_or_make_secret


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The file has mode 0600 in a folder of mode 0700, and keeps its content."""
    folder = tmp_path / "keys"
    make_key_folder(folder)
    secret = read_or_make_secret(folder / "service.key")
    assert len(secret) == 64
    assert read_or_make_secret(folder / "service.key") == secret
    assert stat.S_IMODE((folder / "service.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_start_that_was_cut_short_leaves_no_half_secret(tmp_path: Path) -> None:
    """The partial file is discarded, and the next secret is complete."""
    (tmp_path / "service.key.new").write_text("ab")
    assert len(read_or_make_secret(tmp_path / "service.key")) == 64
