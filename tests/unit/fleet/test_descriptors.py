"""The error of a fleet if the limit on open files is too low."""

import subprocess
import sys
from pathlib import Path

from fleet.settings import PROJECT_FOLDER


def test_too_few_files_are_a_sentence_and_a_command(tmp_path: Path) -> None:
    """Before anything is started; otherwise HAProxy would exit again and again."""
    command = f"ulimit -Sn 200; ulimit -Hn 200; exec {sys.executable} -m fleet"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=PROJECT_FOLDER, env={"HUBBUB_DATA": str(tmp_path / "data")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "a process may open 200 files, and needs 1024 or more" in done.stderr
    assert "prlimit --nofile=65536 --pid $$ && make run" in done.stderr
    assert not (tmp_path / "data").exists()
