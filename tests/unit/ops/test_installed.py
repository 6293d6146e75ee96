"""The error if Python lacks Hubbub's dependencies."""

import subprocess
import sys

from fleet.settings import PROJECT_FOLDER


def test_missing_packages_are_a_sentence() -> None:
    """As in an environment older than the code."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "ops", "doctor"],
        cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("The package ")
    assert "Traceback" not in done.stderr


def test_another_python_is_told_of() -> None:
    """A Python without Hubbub; the error repeats the command as it was typed."""
    done = subprocess.run(
        [f"{sys.base_prefix}/bin/python3", "-S", "-m", "ops", "doctor", "--json"],
        cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.endswith(" Type: .venv/bin/python -m ops doctor --json\n")
