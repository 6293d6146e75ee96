"""Database roles whose passwords were lost, and how a role of containers and hosts gets one."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from fleet.commands.backup import BackupFailed, back_up, databases_of
from fleet.data.lock import FolderLock
from fleet.data.state import FleetState, ProcessState, write_state
from fleet.engines import databases
from fleet.engines.binaries import postgres_program
from fleet.engines.databases import open_cluster, password_path
from fleet.engines.postgres import SUPERUSER, Database, DatabaseSetupFailed, set_passwords
from fleet.engines.unprivileged import choose_disguise
from fleet.processes.ports import LOOPBACK
from fleet.settings import PROJECT_FOLDER, FleetSettings, read_settings
from tests.fixtures.servers import TESTER, PostgresServer

NEW = "another-password"


def test_a_role_gets_another_password_while_no_server_runs(
    make_postgres: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """Also after a crash that left a prepared transaction, which stays."""
    server = make_postgres(max_prepared_transactions="5")
    old = server.make_database()
    with psycopg.connect(old, autocommit=True) as connection:
        for statement in ("BEGIN", "SELECT pg_current_xact_id()", "PREPARE TRANSACTION 'kept'"):
            connection.execute(statement)
    server.kill()
    folder = tmp_path / "postgres-0" / "postgres"
    (folder / "postmaster.pid").unlink()
    disguise = choose_disguise(postgres_program("postgres"), folder.parent)
    set_passwords(folder, [Database(TESTER.name, NEW)], disguise)
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    with psycopg.connect(old.replace(TESTER.password, NEW)) as connection:
        assert connection.execute("SELECT gid FROM pg_prepared_xacts").fetchall() == [("kept",)]


@pytest.fixture
def settings(tmp_path: Path) -> FleetSettings:
    """The settings of a Hubbub that is not running, with its databases and its folder of files."""
    found = read_settings({"HUBBUB_DATA": str(tmp_path / "data")})
    open_cluster(found.data / "postgres", found.keys)
    (found.data / "files").mkdir()
    return found


def let_in(settings: FleetSettings) -> None:
    """Logs in as both roles, with the passwords of their files. Raises psycopg.OperationalError."""

    async def connect() -> None:
        async with databases_of(settings, may_run=False) as urls:
            for url in urls.values():
                psycopg.connect(url).close()

    asyncio.run(connect())


def test_whatever_opens_the_databases_first_gives_a_lost_password_anew(
    settings: FleetSettings, tmp_path: Path
) -> None:
    """A backup between the loss and the next start, as by cron."""
    password_path(settings.keys, "users").unlink()
    back_up(settings, tmp_path / "backup.tar")
    let_in(settings)


def test_a_password_that_no_role_got_is_in_no_file(
    settings: FleetSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a start is interrupted, the next one sets the password."""
    path = password_path(settings.keys, "users")
    path.unlink()

    def end(*_: object) -> None:
        raise DatabaseSetupFailed("it was killed")

    with monkeypatch.context() as patch:
        patch.setattr(databases, "set_passwords", end)
        with pytest.raises(DatabaseSetupFailed):
            open_cluster(settings.data / "postgres", settings.keys)
    assert not path.exists()
    let_in(settings)


def test_a_lost_password_of_a_server_that_runs_is_not_made_up(settings: FleetSettings) -> None:
    """It keeps the old one until it is restarted, which the message says."""
    path = password_path(settings.keys, "users")
    path.unlink()
    server = ProcessState("postgres", 1, 1, 5432, None, 0.0, "ready")
    write_state(settings.data, FleetState(1, [server]))

    async def ask() -> None:
        lock = FolderLock(settings.data)
        await lock.acquire()
        try:
            async with databases_of(settings, may_run=True):
                pass
        finally:
            lock.release()

    with pytest.raises(BackupFailed, match=f"{path} is gone.*make stop && make run"):
        asyncio.run(ask())
    assert not path.exists()


def test_a_role_gets_its_password_without_showing_it(
    make_postgres: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """deploy/postgres/make-database.sh: every user of the machine can see arguments of programs."""
    server = make_postgres()
    server.kill()
    with (tmp_path / "postgres-0" / "postgres" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all {SUPERUSER} {LOOPBACK}/32 trust\n")
        rules.write(f"host all all {LOOPBACK}/32 scram-sha-256\n")
    server.start()
    psql, shown, file = tmp_path / "psql", tmp_path / "shown", tmp_path / "users.password"
    psql.write_text(f'#!/bin/sh\necho "$*" >{shown}\nexec {postgres_program("psql")} "$@"\n')
    psql.chmod(0o755)
    file.write_text(NEW)
    subprocess.run(
        ["sh", PROJECT_FOLDER / "deploy" / "postgres" / "make-database.sh"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "PGHOST": LOOPBACK,
            "PGPORT": str(server.port), "POSTGRES_USER": SUPERUSER, "HUBBUB_DATABASE": "it",
            "HUBBUB_DATABASE_PASSWORD_FILE": str(file),
        },
        check=True,
    )  # fmt: skip
    assert "role=it" in shown.read_text()
    assert NEW not in shown.read_text()
    psycopg.connect(Database("it", NEW).url(server.port)).close()
