"""Upgrades data of an older major release of PostgreSQL to the installed one."""

import asyncio
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from fleet.commands.backup import BackupFailed, running_server
from fleet.commands.upgrade import replace_folder, upgrade_database
from fleet.data.lock import FolderLock
from fleet.engines.binaries import postgres_program
from fleet.engines.databases import open_cluster, read_database
from fleet.engines.postgres import (
    DatabaseSetupFailed,
    made_by,
    major_release,
    make_cluster,
    server_command,
)
from fleet.engines.unprivileged import choose_disguise
from fleet.processes.ports import ReservedPort
from fleet.settings import PROJECT_FOLDER, FleetSettings, read_settings

OLD = PROJECT_FOLDER / ".build" / "postgresql-17" / "usr" / "lib" / "postgresql" / "17" / "bin"
NOW = major_release(postgres_program("postgres"))


@pytest.fixture
def settings(tmp_path: Path) -> FleetSettings:
    data = tmp_path / "data"
    data.mkdir()
    return read_settings({"HUBBUB_DATA": str(data)})


def say(settings: FleetSettings, program: Path, *statements: str) -> list[object]:
    """The answer of the chats database to the last statement, on a server of these programs."""

    async def run() -> list[object]:
        lock = FolderLock(settings.data)
        with closing(ReservedPort()) as port:
            try:
                await lock.acquire()
                folder = settings.data / "postgres"
                async with running_server(settings, folder, port.number, lock, program):
                    return await asyncio.to_thread(ask, port.number)
            finally:
                lock.release()

    def ask(port: int) -> list[object]:
        url = read_database(settings.keys, "chats").url(port)
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return [value for (value,) in cursor.fetchall()] if cursor.description else []

    return asyncio.run(run())


def test_the_installed_release_has_nothing_to_do(settings: FleetSettings) -> None:
    """And without a database there is nothing to upgrade."""
    with pytest.raises(BackupFailed, match="there is no database"):
        asyncio.run(upgrade_database(settings, None))
    open_cluster(settings.data / "postgres", settings.keys)
    said = asyncio.run(upgrade_database(settings, None))
    assert said == f"The database is of PostgreSQL {NOW} already."


def test_data_of_another_release_is_not_started(settings: FleetSettings) -> None:
    """The error has the command to type; nor is an empty database created after an interrupted
    upgrade."""
    folder = settings.data / "postgres"
    databases = list(open_cluster(folder, settings.keys)[0].values())
    (folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseSetupFailed, match=r"of PostgreSQL 16.*make upgrade-database"):
        make_cluster(folder, databases)
    kept = settings.data / f"postgres.before-{NOW}"
    folder.rename(kept)
    with pytest.raises(DatabaseSetupFailed, match=f"mv {kept} {folder}"):
        make_cluster(folder, databases)


def test_a_busy_machine_ends_a_start_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is begun again by the next start."""
    folder = tmp_path / "postgres"
    with monkeypatch.context() as patch:
        patch.setattr("fleet.engines.postgres.INITDB_TIMEOUT_SECONDS", 0.01)
        with pytest.raises(DatabaseSetupFailed, match="Try again"):
            make_cluster(folder, [])
    make_cluster(folder, [])
    assert made_by(folder) == NOW


def test_a_server_of_another_release_is_not_given_what_that_may_not_know(tmp_path: Path) -> None:
    """An unknown setting would prevent a server from starting."""
    disguise = choose_disguise(postgres_program("postgres"), tmp_path)
    ours = server_command(tmp_path, 1, disguise)
    theirs = server_command(tmp_path, 1, disguise, OLD / "postgres")
    for name in ("io_max_concurrency", "autovacuum_worker_slots", "recovery_init_sync_method"):
        assert any(str(word).startswith(name) for word in ours)
        assert not any(str(word).startswith(name) for word in theirs)


def test_a_mistyped_folder_of_programs_is_named(settings: FleetSettings) -> None:
    """Nothing is created or started."""
    folder = settings.data / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("17\n")
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "upgrade-database", "--old", "/typo"],
        cwd=PROJECT_FOLDER, env={"PATH": os.environ["PATH"], "HUBBUB_DATA": str(settings.data)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1, "Nothing was changed: there is no postgres in /typo. OLD is the folder of the programs "
        "of PostgreSQL 17, such as /usr/lib/postgresql/17/bin\n",
    )  # fmt: skip
    assert os.listdir(settings.data) == ["postgres"]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    """The next start finds the old database where it was."""
    folder, new, kept = (tmp_path / name for name in ("postgres", "new", "kept"))
    folder.mkdir()
    (folder / "PG_VERSION").touch()
    with pytest.raises(FileNotFoundError):
        replace_folder(folder, new, kept)
    assert [path.name for path in folder.iterdir()] == ["PG_VERSION"]
    assert not kept.exists()


@pytest.fixture
def old_programs() -> Path:
    """The programs of Debian's PostgreSQL 17."""
    assert (OLD / "postgres").exists(), f"there is no {OLD}: .ci/neighbours unpacks it"
    return OLD


@pytest.mark.long
def test_the_data_of_17_is_there_in_the_installed_release(
    settings: FleetSettings, old_programs: Path
) -> None:
    """Rows, indexes and constraints arrive; the old folder is intact; the way back works."""
    old = old_programs / "postgres"
    say(
        settings, old,
        "CREATE TABLE t (n int PRIMARY KEY CHECK (n > 0))",
        "INSERT INTO t SELECT generate_series(1, 1000)",
    )  # fmt: skip
    folder = settings.data / "postgres"
    assert made_by(folder) == 17
    said = asyncio.run(upgrade_database(settings, old_programs))
    assert made_by(folder) == NOW
    assert say(settings, postgres_program("postgres"), "SELECT sum(n) FROM t") == [500_500]
    with pytest.raises(psycopg.errors.CheckViolation):
        say(settings, postgres_program("postgres"), "INSERT INTO t VALUES (0)")
    back = said.partition("with the release of before: ")[2]
    subprocess.run(["sh", "-c", back], check=True)
    assert say(settings, old, "SELECT sum(n) FROM t") == [500_500]


@pytest.mark.long
def test_what_is_prepared_is_finished_first(settings: FleetSettings, old_programs: Path) -> None:
    """A dump would lose them; nothing is changed."""
    old = old_programs / "postgres"
    say(settings, old, "BEGIN", "CREATE TABLE t ()", "PREPARE TRANSACTION 'hubbub-1'")
    with pytest.raises(BackupFailed, match="holds prepared transactions"):
        asyncio.run(upgrade_database(settings, old_programs))
    assert made_by(settings.data / "postgres") == 17
    assert not any("before" in name for name in os.listdir(settings.data))
