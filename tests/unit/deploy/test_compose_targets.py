"""Where deploy/compose-backup and compose-bundle write, and how the commands of databases in
containers end; scripts that print or fail replace Docker."""

import os
import signal
import subprocess
import time
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


UPGRADED = """#!/bin/sh
case "$*" in
*" test -e "*) exit 1 ;;
*" psql "*) echo 0 ;;
*" pg_dump "*) echo a dump ;;
*" pg_restore "*) [ "$BREAKS" != restore ] ;;
"compose up --detach --wait") [ "$BREAKS" != up ] ;;
esac
"""


@pytest.mark.parametrize(("breaks", "is_kept"), [("restore", False), ("up", True)])
def test_a_database_that_clients_may_have_written_to_is_not_given_up(
    tmp_path: Path, breaks: str, is_kept: bool
) -> None:
    """An upgrade of PostgreSQL goes back by itself only before the services start: a Grafana that
    is not healthy would lose messages that were acknowledged."""
    docker, variables = tmp_path / "docker", tmp_path / ".env"
    docker.write_text(UPGRADED)
    docker.chmod(0o755)
    variables.write_text("HUBBUB_PORT=80\n")
    before = set(PROJECT_FOLDER.glob("hubbub-upgrade-*"))
    done = subprocess.run(
        ["sh", PROJECT_FOLDER / "deploy" / "compose-upgrade-postgres", "19", "postgres:19"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "BREAKS": breaks,
            "HUBBUB_ENV": str(variables),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert ("HUBBUB_POSTGRES_MAJOR=19\n" in variables.read_text()) is is_kept
    assert (f"cp {variables}.before {variables}" in done.stdout) is is_kept
    assert ("everything goes on with the release of before" in done.stderr) is not is_kept
    assert set(PROJECT_FOLDER.glob("hubbub-upgrade-*")) == before


def test_a_restore_that_cannot_stop_all_services_says_that_some_are_stopped(
    tmp_path: Path,
) -> None:
    """As when Docker does not answer."""
    docker, backup = tmp_path / "docker", tmp_path / "backup.tar"
    docker.write_text('#!/bin/sh\ncase "$*" in *" stop "*) exit 3 ;; esac\n')
    docker.chmod(0o755)
    backup.touch()
    done = subprocess.run(
        ["sh", PROJECT_FOLDER / "deploy" / "compose-restore", backup],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "the services are stopped. Run it again, with REPLACE=yes." in done.stderr


RESTORING = """#!/bin/sh
case "$*" in
"compose run --rm -T restore")
    touch "$THERE/restoring"
    exec sleep 60
    ;;
esac
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_restore_that_is_interrupted_says_that_services_are_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    """By a signal to all that it started, as from a terminal."""
    docker, backup = tmp_path / "docker", tmp_path / "backup.tar"
    docker.write_text(RESTORING)
    docker.chmod(0o755)
    backup.touch()
    # A shell cannot trap signals that are ignored when it starts, as below nohup.
    process = subprocess.Popen(
        [
            "env", "--default-signal=HUP,INT,TERM",
            "sh", PROJECT_FOLDER / "deploy" / "compose-restore", backup,
        ],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "THERE": str(tmp_path)},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "restoring").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("the services are stopped. Run it again, with REPLACE=yes.") == 1
