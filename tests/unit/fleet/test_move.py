"""`make move-files` leaves alone what is in use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER

HOLD_LOCK = """
import asyncio, os, pathlib, sys
from fleet.data.lock import FolderLock
data, for_command = pathlib.Path(os.environ["HUBBUB_DATA"]), sys.argv[1:] == ["command"]
asyncio.run(FolderLock(data, for_command=for_command).acquire())
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("holder", "variables", "refusal"),
    [
        ([], {}, "Stop it first: make stop"),
        ([], {"HUBBUB_FILES_URL": "file://{0}/data/../data/files"}, "Stop it first"),
        (["command"], {}, "Try again when it is done"),
        ([], {"HUBBUB_FILES_URL": "s3://bucket/files"}, ""),
    ],
)
def test_files_that_are_in_use_are_not_moved(
    tmp_path: Path, holder: list[str], variables: dict[str, str], refusal: str
) -> None:
    """The Hubbub would no longer find them; one that runs on the new place already may be
    started before the rest is moved. The shell does not have the unit's variables."""
    piece = tmp_path / "data" / "files" / "ab" / "file" / "0"
    piece.parent.mkdir(parents=True)
    piece.write_bytes(b"x")
    theirs = {name: value.format(tmp_path) for name, value in variables.items()}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, *holder], cwd=PROJECT_FOLDER,
        env={**os.environ, "HUBBUB_DATA": str(tmp_path / "data"), **theirs},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline() == b"held\n"
        done = _move(tmp_path)
        running.communicate()
    assert refusal in done.stderr
    assert done.returncode == (1 if refusal else 0)
    assert piece.exists() == bool(refusal)
    if refusal:
        assert _move(tmp_path).stdout == "1 objects moved\n"


def _move(folder: Path) -> "subprocess.CompletedProcess[str]":
    places = [f"file://{folder}/data/files", f"file://{folder}/new"]
    return subprocess.run(
        [sys.executable, "-m", "fleet", "move-files", *places], cwd=PROJECT_FOLDER,
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
