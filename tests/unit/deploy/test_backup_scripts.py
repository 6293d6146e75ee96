"""The scripts in deploy/backup as operators call them; scripts replace PostgreSQL's programs."""

import os
import subprocess
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER

ANSWERS_WITH_THE_SERVICE_FILE = """#!/bin/sh
grep -q users "$PGSERVICEFILE" || exit 1
for word; do case $word in --file=*) : >"${word#--file=}" ;; esac; done
case "$0 $*" in *pg_stat_activity*) echo 0 ;; */psql*) echo f ;; esac
"""


@pytest.mark.parametrize("how", ["{}", "./{}", "../here/{}", "{folder}/{}"])
def test_paths_count_from_the_folder_of_whoever_asks(tmp_path: Path, how: str) -> None:
    """The scripts themselves work in a temporary folder."""
    programs, here = tmp_path / "bin", tmp_path / "here"
    programs.mkdir()
    here.mkdir()
    for name in ("psql", "pg_dump", "pg_restore"):
        (programs / name).write_text(ANSWERS_WITH_THE_SERVICE_FILE)
        (programs / name).chmod(0o755)
    (here / "my services").write_text("[users]\n[chats]\n")
    (file := here / "my files" / "a").parent.mkdir()
    file.write_text("content")
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGSERVICEFILE": how.format("my services", folder=here),
        "HUBBUB_FILES_FOLDER": how.format("my files", folder=here),
    }

    def run(script: str, given: bytes = b"") -> bytes:
        return subprocess.run(
            ["sh", PROJECT_FOLDER / "deploy" / "backup" / script],
            cwd=here, env=environment, input=given, stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip

    run("settle.sh")
    backup = run("backup.sh")
    file.write_text("changed")
    run("restore.sh", given=backup)
    assert file.read_text() == "content"
