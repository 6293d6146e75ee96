"""Signing keys, rotated with the command line of one machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER


@pytest.mark.parametrize("exists", [False, True])
def test_before_the_first_start_there_is_nothing_to_rotate(tmp_path: Path, exists: bool) -> None:
    """It says what to do and creates nothing, even in the empty folder that a unit needs."""
    data = tmp_path / "data"
    if exists:
        data.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "keys", "rotate"],
        cwd=PROJECT_FOLDER, env={"HUBBUB_DATA": str(data), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1, f"Not done: there is no Hubbub in {data} yet. Start it first: make run\n",
    )  # fmt: skip
    assert not data.exists() or not list(data.iterdir())
