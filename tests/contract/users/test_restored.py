"""What is done to a restored database of users, whose backup is newer than that of chats."""

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from common.protocol.ids import new_id
from fleet.commands.service_file import service_section
from fleet.engines.binaries import postgres_program
from fleet.settings import PROJECT_FOLDER
from tests.fixtures.servers import PostgresServer

CHAT = "0198f000-0000-7000-8000-000000000001"


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    """A database of users with nobody in it."""
    return postgres.make_database("users")


def settle(url: str, folder: Path) -> None:
    """Runs the script in one transaction, as `restore.sh` and `settle.sh` do."""
    services = folder / "services"
    services.write_text(service_section("users", url))
    (folder / "participants.tsv").write_text("")
    script = PROJECT_FOLDER / "users" / "backup" / "restored.sql"
    options = ("--no-psqlrc", "--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1")
    subprocess.run(
        [postgres_program("psql"), *options, "-f", script, "service=users"],
        cwd=folder, env={**os.environ, "PGSERVICEFILE": str(services)}, check=True,
    )  # fmt: skip


def add_deletion(
    connection: psycopg.Connection, *, asked: bool, left: bool, after: str, done: str | None
) -> str:
    """Of an account whose messages were to be deleted, or not; `done` so long ago. Returns its
    id."""
    user = new_id()
    connection.execute(
        "INSERT INTO users (id, username, active, deleted_at) VALUES (%s, %s, false, now())",
        (user, f"deleted-{user[-8:]}"),
    )
    connection.execute(
        "INSERT INTO audit_log (id, by, action, of, detail)"
        " VALUES (%s, %s, 'user.deleted', %s, %s)",
        (new_id(), user, user, json.dumps({"messages": asked})),
    )
    connection.execute(
        "INSERT INTO deletions (user_id, messages, messages_after, done_at)"
        " VALUES (%s, %s, %s, now() - %s::interval)",
        (user, left, after, done),
    )
    return user


async def test_recent_deletions_are_done_again(url: str, tmp_path: Path) -> None:
    """From their beginning, including the messages if that was requested: chats may be as before
    them. Those that ended long before the last one stay done."""
    place = f"{new_id()} {CHAT}"
    with psycopg.connect(url, autocommit=True) as connection:
        expected = {
            add_deletion(connection, asked=True, left=True, after=place, done=None): (True, False),
            add_deletion(connection, asked=True, left=False, after="", done=None): (True, False),
            add_deletion(connection, asked=True, left=False, after="", done="1 h"): (True, False),
            add_deletion(connection, asked=False, left=False, after="", done="6 d"): (False, False),
            add_deletion(connection, asked=True, left=False, after="", done="8 d"): (False, True),
        }
        settle(url, tmp_path)
        rows = connection.execute(
            "SELECT user_id::text, messages, done_at IS NOT NULL, messages_after FROM deletions"
        ).fetchall()
    assert {user: (messages, done) for user, messages, done, _ in rows} == expected
    assert {after for *_, after in rows} == {""}


async def test_a_backup_of_the_first_release_has_no_deletions(url: str, tmp_path: Path) -> None:
    """It is settled without them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE deletions")
    settle(url, tmp_path)
