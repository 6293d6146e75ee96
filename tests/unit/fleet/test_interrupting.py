"""Commands that are ended before they are done."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.commands.interrupting import ending
from fleet.commands.stop import stop_running
from fleet.data.lock import FolderInUse, FolderLock
from fleet.processes.ports import LOOPBACK
from fleet.settings import PROJECT_FOLDER

WAIT_SECONDS = 30.0


@pytest.fixture
def silent_database() -> Iterator[socket.socket]:
    """Accepts connections and never answers."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(WAIT_SECONDS)
        yield listener


WORDS = (("fleet", "backup", "new.tar"), ("fleet", "sql", "users", "SELECT 1"))


def start_command(
    database: socket.socket, folder: Path, words: tuple[str, ...]
) -> subprocess.Popen[str]:
    """For a stopped Hubbub; the silent database stands for both of its databases."""
    data, scratch = folder / "data", folder / "scratch"
    (data / "keys").mkdir(parents=True)
    (data / "files").mkdir()
    scratch.mkdir()
    url = "postgresql://{}:secret@{}:{}/{}".format("u", *database.getsockname(), "d")
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder, text=True, stderr=subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_FOLDER), "HUBBUB_DATA": str(data),
            "TMPDIR": str(scratch), "HUBBUB_USERS_DATABASE_URL": url,
            "HUBBUB_CHATS_DATABASE_URL": url,
        },
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("words", WORDS)
def test_no_password_no_half_a_file_and_no_child_is_left(
    silent_database: socket.socket, tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    """The passwords of both databases exist only in memory, however the command ends."""
    command, scratch = start_command(silent_database, tmp_path, words), tmp_path / "scratch"
    child, _ = silent_database.accept()
    command.send_signal(number)
    _, said = command.communicate(timeout=WAIT_SECONDS)
    assert "It was interrupted before it was done." in said
    assert "Traceback" not in said
    child.settimeout(WAIT_SECONDS)
    while child.recv(1024):
        pass
    child.close()
    assert list(scratch.iterdir()) == []
    assert not list(tmp_path.glob("new.tar*"))


async def test_what_is_just_starting_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    """A signal can arrive when a script already runs but its pipes are not yet connected."""
    made = tmp_path / "made"
    # A child that a shell forks at the moment of a signal may miss it: each sleeps briefly.
    script = f"trap 'rm {made}; exit 1' TERM; touch {made}; while :; do sleep 0.1; done"

    async def run() -> None:
        starting = asyncio.create_subprocess_exec(
            "sh", "-c", script, stderr=subprocess.PIPE, process_group=0
        )

        async def start() -> asyncio.subprocess.Process:
            running = asyncio.ensure_future(starting)
            while not made.exists():  # noqa: ASYNC110 - what changes is a file
                await asyncio.sleep(0.01)
            task.cancel()
            return await running

        async with ending(start(), group=True):
            pass

    task = asyncio.ensure_future(run())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, WAIT_SECONDS)
    assert not made.exists()


@pytest.mark.parametrize("words", WORDS)
def test_a_command_that_is_killed_leaves_nothing_in_the_folder_for_temporary_files(
    silent_database: socket.socket, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Neither passwords nor a script's work files: the script ends once its databases are gone."""
    command, scratch = start_command(silent_database, tmp_path, words), tmp_path / "scratch"
    child, _ = silent_database.accept()
    files = [path for path in scratch.rglob("*") if path.is_file()]
    assert not any(b"secret" in path.read_bytes() for path in files)
    command.kill()
    child.close()
    command.communicate(timeout=WAIT_SECONDS)  # until its children have ended too
    deadline = time.monotonic() + WAIT_SECONDS
    while list(scratch.iterdir()):
        assert time.monotonic() < deadline, list(scratch.rglob("*"))
        time.sleep(0.05)


@pytest.mark.parametrize("words", WORDS)
def test_a_command_on_a_stopped_system_is_not_what_stop_ends(
    silent_database: socket.socket,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    """It locks the folder as a Hubbub would; a user who starts one is told to wait."""
    command, data = start_command(silent_database, tmp_path, words), tmp_path / "data"
    child, _ = silent_database.accept()
    assert stop_running(data) == 0
    assert f"No Hubbub runs on {data}." in capsys.readouterr().out
    with pytest.raises(FolderInUse, match=f"A backup or another command works on {data}"):
        asyncio.run(FolderLock(data).acquire())
    assert command.poll() is None
    command.terminate()
    command.communicate(timeout=WAIT_SECONDS)
    child.close()
    lock = FolderLock(data)
    asyncio.run(lock.acquire())
    with pytest.raises(FolderInUse, match=f"Another Hubbub runs on {data}"):
        asyncio.run(FolderLock(data).acquire())
    lock.release()


@pytest.mark.parametrize("target", ["a file/new.tar", "/proc/new.tar"])
def test_a_backup_that_cannot_be_written_says_where(tmp_path: Path, target: str) -> None:
    """In one sentence, like every error that the operator can fix."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "a file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "backup", target],
        cwd=tmp_path, text=True, capture_output=True, check=False,
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_FOLDER),
            "HUBBUB_DATA": str(tmp_path),
        },
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(target.partition("/new")[0])
