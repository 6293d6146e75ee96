"""Where deploy/compose-backup and compose-bundle write; Docker is a script that says something."""

import os
import subprocess
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER


@pytest.mark.parametrize("name", ["compose-backup", "compose-bundle"])
def test_a_file_is_written_beside_whoever_asks(tmp_path: Path, name: str) -> None:
    """Not beside the compose file; what is there already stays."""
    programs, here = tmp_path / "bin", tmp_path / "my folder"
    programs.mkdir()
    here.mkdir()
    docker = programs / "docker"
    docker.write_text("#!/bin/sh\necho data\n")
    docker.chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = ["sh", PROJECT_FOLDER / "deploy" / name, "new file"]
    for code in (0, 1):
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, check=False)
        assert done.returncode == code
        assert [path.name for path in here.iterdir()] == ["new file"]
    assert (here / "new file").read_bytes() == b"data\n"
