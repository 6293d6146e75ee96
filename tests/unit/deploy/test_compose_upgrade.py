"""deploy/compose-upgrade with a script that only tracks containers in place of Docker."""

import os
import subprocess
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER

DOCKER = """#!/bin/sh
# A container is a file in $THERE with the release that it is of.
cd "$THERE"
case "$*" in
"compose ps"*) ls ;;
"compose up"*)
    case "$*" in
    *" edge="*) number=$(echo "$*" | sed 's/.* edge=\\([0-9]*\\).*/\\1/') ;;
    *) number=2 ;; # as .env says
    esac
    while [ "$(ls | wc -l)" -lt "$number" ]; do
        mktemp "$RELEASE-XXXXXX" >/dev/null
    done
    [ "$RELEASE" != bad ]
    ;;
"stop "* | "logs "* | "compose exec"* | "compose rm"*) ;;
"rm "*) shift; rm "$@" ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""


@pytest.fixture
def upgrade(tmp_path: Path) -> "Upgrade":
    return Upgrade(tmp_path)


class Upgrade:
    """An upgrade of two containers of edge."""

    def __init__(self, folder: Path) -> None:
        self._programs, self._there = folder / "bin", folder / "there"
        self._programs.mkdir()
        self._there.mkdir()
        docker = self._programs / "docker"
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        for number in (1, 2):
            (self._there / f"old-{number}").touch()

    def run(self, release: str) -> subprocess.CompletedProcess[str]:
        path = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", PROJECT_FOLDER / "deploy" / "compose-upgrade", "edge"],
            env={"PATH": path, "THERE": str(self._there), "RELEASE": release},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def stop(self) -> None:
        for path in self._there.iterdir():
            path.unlink()

    @property
    def releases(self) -> list[str]:
        return sorted(path.name.partition("-")[0] for path in self._there.iterdir())


def test_new_containers_take_the_place_of_old_ones(upgrade: Upgrade) -> None:
    """As many as there were."""
    done = upgrade.run("new")
    assert (done.returncode, done.stderr) == (0, "")
    assert upgrade.releases == ["new", "new"]


def test_a_service_that_does_not_run_is_started(upgrade: Upgrade) -> None:
    """With as many containers as .env sets: files and ops are new after an upgrade from 0.1.0."""
    upgrade.stop()
    done = upgrade.run("new")
    assert (done.returncode, done.stderr) == (0, "")
    assert upgrade.releases == ["new", "new"]


def test_an_upgrade_that_fails_leaves_the_old_ones_and_can_be_run_again(upgrade: Upgrade) -> None:
    """New containers that do not become healthy are not counted by the next run."""
    for _ in range(2):
        done = upgrade.run("bad")
        assert done.returncode == 1
        assert "They are removed, and the old ones serve on." in done.stderr
        assert upgrade.releases == ["old", "old"]
    assert upgrade.run("new").returncode == 0
    assert upgrade.releases == ["new", "new"]
