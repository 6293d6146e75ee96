"""How `make` passes its variables on."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER

WORDS = {"TO": "/my data/a $HOME.tar", "FROM": "/my data/b.tar"}


@pytest.mark.parametrize(
    ("target", "given", "passed"),
    [
        ("backup", ("TO",), ["-m", "fleet", "backup", WORDS["TO"]]),
        ("backup", (), ["-m", "fleet", "backup"]),
        ("restore", ("FROM",), ["-m", "fleet", "restore", WORDS["FROM"]]),
        ("bundle", ("TO",), ["-m", "ops", "bundle", WORDS["TO"]]),
        ("move-files", ("FROM", "TO"), ["-m", "fleet", "move-files", WORDS["FROM"], WORDS["TO"]]),
    ],
)
def test_a_path_with_a_space_is_one_word(
    tmp_path: Path, target: str, given: tuple[str, ...], passed: list[str]
) -> None:
    """The shell splits and expands nothing."""
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    python.chmod(0o755)
    (programs / "pip").touch()
    (tmp_path / "run.stamp").touch()
    variables = [f"{name}={WORDS[name].replace('$', '$$')}" for name in given]
    done = subprocess.run(
        ["make", "-s", f"VENV={tmp_path}", target, *variables],
        cwd=PROJECT_FOLDER, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == passed


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ((), "rotate"),
        (("REVOKE=no",), "rotate"),
        (("REVOKE=yes",), "revoke"),
        (("REVOKE=1",), "1"),  # which the command refuses
    ],
)
def test_keys_are_revoked_by_yes_alone(tmp_path: Path, given: tuple[str, ...], what: str) -> None:
    """Likewise only `REPLACE=yes` replaces data."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    (tmp_path / "bin" / "pip").touch()
    (tmp_path / "run.stamp").touch()
    done = subprocess.run(
        ["make", "-s", f"VENV={tmp_path}", "rotate-keys", *given],
        cwd=PROJECT_FOLDER, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["-m", "fleet", "keys", what]


def test_the_list_of_commands_is_a_table() -> None:
    """Every explanation begins in the same column."""
    done = subprocess.run(
        ["make", "-s", "help"], cwd=PROJECT_FOLDER, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    starts = [found[0] for line in lines if (found := re.match(r"make +\S+ +", line))]
    assert len(starts) == len(lines)
    assert len({len(start) for start in starts}) == 1


def test_an_owner_is_named(tmp_path: Path) -> None:
    """Without a name it says how to give one, without checking whether Hubbub runs."""
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "owner", ""],  # as `make owner` passes it on
        cwd=PROJECT_FOLDER, env={"PATH": os.environ["PATH"], "HUBBUB_DATA": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "Say which account: make owner NAME=ann\n")


def test_a_service_gets_its_passwords_from_a_file_for_root_alone(tmp_path: Path) -> None:
    """`make service` writes it readable by its user only, and says how to give it to root. Without
    passwords there is no file."""
    for needed in ("deploy/locks/run.txt", "venv/bin/pip", "venv/run.stamp"):
        (tmp_path / needed).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / needed).touch()
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    url = "postgresql://users:secret@db/users"
    written = tmp_path / ".build" / "hubbub.env"
    for given in ({"HUBBUB_USERS_DATABASE_URL": url}, {}):
        done = subprocess.run(
            ["make", "-s", "-f", str(PROJECT_FOLDER / "Makefile"), "VENV=venv", "service"],
            cwd=tmp_path, capture_output=True, text=True, check=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_FOLDER), **given},
        )  # fmt: skip
        command = "sudo install -m 600 .build/hubbub.env /etc/hubbub.env && rm .build/hubbub.env"
        assert (command in done.stdout.splitlines()) == bool(given)
        # Also where an older unit runs, which `enable --now` would leave as it is.
        assert done.stdout.endswith(" && sudo systemctl restart hubbub\n")
        assert written.exists() == bool(given)
        assert "secret" not in written.with_name("hubbub.service").read_text() + done.stderr
        if given:
            assert written.read_text() == f'HUBBUB_USERS_DATABASE_URL="{url}"\n'
            assert stat.S_IMODE(written.stat().st_mode) == 0o600
