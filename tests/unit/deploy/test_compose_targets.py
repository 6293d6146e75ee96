"""Where deploy/compose-backup and compose-bundle write; a script that prints replaces Docker."""

import os
import subprocess
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER


@pytest.mark.parametrize("name", ["compose-backup", "compose-bundle"])
def test_a_file_is_written_beside_whoever_asks(tmp_path: Path, name: str) -> None:
    """Not next to the compose file; existing files stay."""
    programs, here = tmp_path / "bin", tmp_path / "my folder"
    programs.mkdir()
    here.mkdir()
    docker = programs / "docker"
    docker.write_text("#!/bin/sh\necho data\n")
    docker.chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    command: list[str | Path] = ["sh", PROJECT_FOLDER / "deploy" / name, "new file"]
    for code in (0, 1):
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, check=False)
        assert done.returncode == code
        assert [path.name for path in here.iterdir()] == ["new file"]
    assert (here / "new file").read_bytes() == b"data\n"


@pytest.mark.parametrize("name", ["compose-backup", "compose-bundle"])
def test_nothing_is_left_of_a_file_that_is_not_whole(tmp_path: Path, name: str) -> None:
    """Otherwise each attempt would fill a full disk further."""
    programs, here = tmp_path / "bin", tmp_path / "here"
    programs.mkdir()
    here.mkdir()
    docker = programs / "docker"
    docker.write_text("#!/bin/sh\necho a part\nexit 5\n")
    docker.chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    command: list[str | Path] = ["sh", PROJECT_FOLDER / "deploy" / name, "file"]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, check=False)
    assert done.returncode == 5
    assert list(here.iterdir()) == []


def test_data_that_an_attempt_left_is_named_and_how_to_remove_it(tmp_path: Path) -> None:
    """Otherwise a failed upgrade of PostgreSQL could not be retried."""
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\ncase "$*" in *psql*) echo 0 ;; *"test -e"*) ;; *) exit 9 ;; esac\n'
    )
    docker.chmod(0o755)
    done = subprocess.run(
        ["sh", PROJECT_FOLDER / "deploy" / "compose-upgrade-postgres", "19", "postgres:19"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "docker compose exec -T users-database rm -r /var/lib/postgresql/19" in done.stderr
