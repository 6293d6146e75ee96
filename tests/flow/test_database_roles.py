"""What a service's role may do in PostgreSQL: use its own tables, and nothing else."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.fixtures.hubbub import Hubbub

ROLES = ("users", "chats")
RIGHTS = ("rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls")
FORBIDDEN = [
    "CREATE ROLE other",
    "CREATE DATABASE other",
    "ALTER SYSTEM SET fsync = off",
    "SET ROLE hubbub",
    "SET SESSION AUTHORIZATION hubbub",
    "CREATE TABLE pg_catalog.mine (a int)",
    "CREATE EXTENSION file_fdw",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT rolpassword FROM pg_authid",
    "COPY (SELECT 1) TO '/nowhere/copy'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_reload_conf()",
    "SELECT lo_import('/etc/passwd')",
    "DROP ROLE hubbub",
]


def url(system: Hubbub, role: str, database: str) -> str:
    """A URL of the running system's server, with the role's own password."""
    (postgres,) = system.processes("postgres")
    password = (system.data / f"keys/{role}-database.password").read_text().strip()
    return f"postgresql://hubbub_{role}:{password}@127.0.0.1:{postgres.port}/{database}"


@pytest.fixture(params=ROLES)
def own(request: pytest.FixtureRequest, system: Hubbub) -> Iterator[psycopg.Connection]:
    """A connection as a service opens it."""
    role = request.param
    with psycopg.connect(url(system, role, f"hubbub_{role}"), autocommit=True) as connection:
        yield connection


def test_a_role_has_no_right_over_the_server(own: psycopg.Connection) -> None:
    """It is no superuser, creates no databases or roles, replicates nothing and is a member of no
    other role."""
    row = own.execute(
        f"SELECT {', '.join(RIGHTS)} FROM pg_roles WHERE rolname = current_user"  # noqa: S608
    ).fetchone()
    assert row == (False,) * len(RIGHTS)
    assert own.execute(
        "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole"
    ).fetchone() == (0,)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_what_no_service_needs_is_refused(own: psycopg.Connection, statement: str) -> None:
    """Files, programs, settings, other roles and databases, the catalogue."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute(statement.encode())


@pytest.mark.parametrize("database", ["hubbub_users", "hubbub_chats", "postgres", "template1"])
@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_its_own_database_alone(system: Hubbub, role: str, database: str) -> None:
    """Any other database is refused before the password prompt."""
    if database == f"hubbub_{role}":
        psycopg.connect(url(system, role, database)).close()
        return
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(url(system, role, database))


@pytest.mark.parametrize("role", ROLES)
def test_a_wrong_password_is_refused(system: Hubbub, role: str) -> None:
    """Also from this machine."""
    address = url(system, role, f"hubbub_{role}").rpartition("@")[2]
    for login in (f"hubbub_{role}:wrong", f"hubbub_{role}:", "hubbub:", "postgres:"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{login}@{address}")
