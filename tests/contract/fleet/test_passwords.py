"""Roles of a database whose passwords were lost."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from fleet.engines.binaries import postgres_program
from fleet.engines.postgres import Database, set_passwords
from fleet.engines.unprivileged import choose_disguise
from tests.fixtures.servers import TESTER, PostgresServer

NEW = "another-password"


def test_a_role_gets_another_password_while_no_server_runs(
    make_postgres: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """Also after a crash that left a prepared transaction, which is still there."""
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
