"""deploy/compose-upgrade with a script that only tracks containers in place of Docker."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fleet.settings import PROJECT_FOLDER

WAIT_SECONDS = 60.0
DOCKER = """#!/bin/sh
# A container is a file in $THERE with the release that it is of, and says whether it runs.
cd "$THERE"
case "$*" in
"compose ps"*) grep -slx running * || true ;;
"compose up"*)
    case "$*" in
    *" edge="*) number=$(echo "$*" | sed 's/.* edge=\\([0-9]*\\).*/\\1/') ;;
    *) number=2 ;; # as .env says
    esac
    for container in $(grep -slx exited *); do echo running >"$container"; done
    while [ "$(ls | wc -l)" -lt "$number" ]; do
        echo running >"$RELEASE-$(date +%s%N)"
    done
    [ "$RELEASE" != bad ]
    ;;
"compose rm --force edge") rm -f $(grep -slx exited *) ;;
"stop "*)
    shift
    # The engine goes on when its client ends, at Ctrl-C even if its parent ignores the signal.
    (
        trap '' HUP INT TERM
        while [ -e ../drain ]; do touch ../draining; sleep 0.05; done
        for container; do echo exited >"$container"; done
    ) &
    wait
    if rm ../ctrl-c 2>/dev/null; then exit 130; fi
    ;;
"logs "* | "compose exec"*) ;;
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
        self.add("old", "running")

    def run(self, release: str) -> subprocess.CompletedProcess[str]:
        process = self._start(release)
        said, complaints = process.communicate(timeout=WAIT_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, said, complaints)

    def interrupt(self, release: str, number: signal.Signals) -> int:
        """While the old containers drain, as a terminal does: by a signal to all that it started.
        Returns the exit status."""
        drain, draining = self._beside("drain"), self._beside("draining")
        drain.touch()
        process = self._start(release)
        deadline = time.monotonic() + WAIT_SECONDS
        while not draining.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if number == signal.SIGINT:
            self._beside("ctrl-c").touch()
        os.killpg(process.pid, number)
        drain.unlink()
        process.communicate(timeout=WAIT_SECONDS)
        return process.returncode

    def _beside(self, name: str) -> Path:
        return self._there.parent / name

    def _start(self, release: str) -> subprocess.Popen[str]:
        path = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.Popen(
            ["sh", PROJECT_FOLDER / "deploy" / "compose-upgrade", "edge"],
            env={"PATH": path, "THERE": str(self._there), "RELEASE": release},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def add(self, release: str, state: str) -> None:
        for number in (1, 2):
            (self._there / f"{release}-{number}").write_text(f"{state}\n")

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


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_an_upgrade_that_is_interrupted_while_old_ones_drain_ends_after_that(
    upgrade: Upgrade, number: signal.Signals
) -> None:
    """The new ones serve, and the old ones do not come back with the next run."""
    assert upgrade.interrupt("new", number) == 1
    assert upgrade.releases == ["new", "new"]
    assert upgrade.run("newer").returncode == 0
    assert upgrade.releases == ["newer", "newer"]


def test_stopped_containers_are_neither_counted_nor_started_again(upgrade: Upgrade) -> None:
    """An upgrade whose machine failed while the old ones drained leaves some."""
    upgrade.add("old", "exited")
    upgrade.add("new", "running")
    assert upgrade.run("newer").returncode == 0
    assert upgrade.releases == ["newer", "newer"]
