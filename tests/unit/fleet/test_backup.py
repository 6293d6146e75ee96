"""Backs up a data folder's databases and restores them into another one."""

import asyncio
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common.database.migrations import migrate
from common.protocol.ids import new_id
from fleet.commands.backup import BackupFailed, back_up, databases_of, restore
from fleet.commands.service_file import service_section
from fleet.data.backed_up import backup_age, note_backup
from fleet.data.lock import FolderInUse, FolderLock
from fleet.settings import PROJECT_FOLDER, FleetSettings, read_settings
from tests.fixtures.small_disk import MOUNT

ANN, BOB = new_id(), new_id()
GARDEN, GONE = new_id(), new_id()
KEY = "-----BEGIN PRIVATE KEY-----\n"
PAGE = 4096


def _settings(folder: Path) -> FleetSettings:
    return read_settings({"HUBBUB_DATA": str(folder)})


def _with_databases(
    settings: FleetSettings, work: Callable[[dict[str, psycopg.Connection]], None]
) -> None:
    """Runs the folder's PostgreSQL while `work` runs."""
    settings.data.mkdir(exist_ok=True)

    async def run() -> None:
        async with databases_of(settings, may_run=False) as urls:
            for role in ("users", "chats"):
                await migrate(urls[role], PROJECT_FOLDER / role / "migrations")
            with ExitStack() as open_ones:
                work(
                    {
                        role: open_ones.enter_context(psycopg.connect(url, autocommit=True))
                        for role, url in urls.items()
                    }
                )

    asyncio.run(run())


def _fill(databases: dict[str, psycopg.Connection]) -> None:
    """Two users in one chat, with the rows that a snapshot at a bad moment can hold."""
    users, chats = databases["users"], databases["chats"]
    for id_, name in ((ANN, "ann"), (BOB, "bob")):
        users.execute(
            "INSERT INTO users (id, username, email) VALUES (%s, %s, %s)",
            (id_, name, f"{name}@example.org"),
        )
    session = new_id()
    users.execute(
        "INSERT INTO sessions (id, user_id, expires_at) VALUES (%s, %s, now() + interval '1 day')",
        (session, ANN),
    )
    users.execute(
        "INSERT INTO refresh_tokens VALUES ('a hash', %s, 0, now() + interval '1 day')", (session,)
    )
    users.execute("INSERT INTO push_key (wrapped) VALUES ('by a secret that may be lost')")
    chats.execute(
        "INSERT INTO chats (id, name, owner, participant_count) VALUES (%s, 'Garden', %s, 2)",
        (GARDEN, ANN),
    )
    chats.execute(
        "INSERT INTO participants VALUES (%s, %s, 1), (%s, %s, 2)", (GARDEN, ANN, GARDEN, BOB)
    )
    chats.execute(
        "INSERT INTO log (chat, seq, kind, sender, event) VALUES (%s, 1, 'message', %s, 'first')",
        (GARDEN, ANN),
    )
    chats.execute("INSERT INTO decisions (transaction, committed) VALUES (%s, true)", (new_id(),))
    users.execute("INSERT INTO memberships VALUES (%s, %s)", (ANN, GARDEN))
    # committed by chats, still prepared in users
    _prepare(users, "INSERT INTO memberships VALUES (%s, %s)", (BOB, GARDEN))
    # a chat that is missing from chats' earlier snapshot
    users.execute("INSERT INTO memberships VALUES (%s, %s)", (BOB, GONE))


def _prepare(connection: psycopg.Connection, statement: str, values: tuple[str, str]) -> None:
    dsn, password = connection.info.dsn, connection.info.password
    with closing(psycopg.connect(dsn, password=password)) as late:
        late.tpc_begin(late.xid(0, new_id(), "users"))
        late.execute(statement, values)
        late.tpc_prepare()


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A backup's file, and the epoch of its system."""
    folder = tmp_path_factory.mktemp("origin")
    settings = _settings(folder / "data")
    epoch: list[str] = []

    def work(databases: dict[str, psycopg.Connection]) -> None:
        _fill(databases)
        epoch.append(_one(databases["chats"], "SELECT epoch::text FROM installation"))

    _with_databases(settings, work)
    (settings.data / "files" / "ab").mkdir(parents=True)
    (settings.data / "files" / "ab" / "whole").write_bytes(b"bytes of a file")
    note_backup(settings.data)
    back_up(settings, folder / "backup.tar")
    assert backup_age(settings.data) > 0.0
    return folder / "backup.tar", epoch[0]


def _one(connection: psycopg.Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_restored_system_holds_what_was_backed_up(backup: tuple[Path, str], tmp_path: Path) -> None:
    """Restoring a backup into an empty folder brings users, chats and events back."""
    settings = _settings(tmp_path / "data")
    assert restore(settings, backup[0], replace=False) == "Restored: 2 people, 1 chats, 1 events."

    def look(databases: dict[str, psycopg.Connection]) -> None:
        chats = databases["chats"]
        assert chats.execute("SELECT chat::text, seq, event FROM log").fetchall() == [
            (GARDEN, 1, b"first")
        ]
        assert _one(chats, "SELECT count(*) FROM decisions") == 0

    _with_databases(settings, look)
    assert (settings.data / "files" / "ab" / "whole").read_bytes() == b"bytes of a file"
    assert not list(settings.data.glob("hubbub-*"))


def test_no_session_survives_a_restore(backup: tuple[Path, str], tmp_path: Path) -> None:
    """The backup does not know what was revoked after it: all sessions and their refresh tokens
    end, and so do access tokens: their key is removed, even if 0.1.0 left it in a folder."""
    settings = _settings(tmp_path / "data")
    _with_databases(settings, lambda _: None)
    (settings.keys / "signing").mkdir()
    (settings.keys / "signing" / "old.pem").write_text(KEY)
    restore(settings, backup[0], replace=False)
    assert list((settings.keys / "signing").iterdir()) == []

    def look(databases: dict[str, psycopg.Connection]) -> None:
        assert _one(databases["users"], "SELECT count(*) FROM sessions") == 0
        assert _one(databases["users"], "SELECT count(*) FROM refresh_tokens") == 0
        assert _one(databases["users"], "SELECT count(*) FROM signing_keys") == 0
        assert _one(databases["users"], "SELECT count(*) FROM push_key") == 0

    _with_databases(settings, look)


def test_memberships_follow_participants(backup: tuple[Path, str], tmp_path: Path) -> None:
    """A membership that was in doubt, or is later than chats' snapshot, is settled from chats'
    participants."""
    settings = _settings(tmp_path / "data")
    restore(settings, backup[0], replace=False)

    def look(databases: dict[str, psycopg.Connection]) -> None:
        memberships = "SELECT user_id::text, chat_id::text FROM memberships"
        assert set(databases["users"].execute(memberships)) == {(ANN, GARDEN), (BOB, GARDEN)}
        assert _one(databases["users"], "SELECT count(*) FROM pg_prepared_xacts") == 0
        assert (GARDEN,) in databases["users"].execute("SELECT id::text FROM chats").fetchall()

    _with_databases(settings, look)


def test_each_restore_changes_the_epoch(backup: tuple[Path, str], tmp_path: Path) -> None:
    """Two restores of one backup have two epochs, neither of them the old one."""
    settings = _settings(tmp_path / "data")
    epochs = {backup[1]}

    def look(databases: dict[str, psycopg.Connection]) -> None:
        epochs.add(_one(databases["chats"], "SELECT epoch::text FROM installation"))

    restore(settings, backup[0], replace=False)
    _with_databases(settings, look)
    # Notices about dropped objects are not reported.
    assert restore(settings, backup[0], replace=True) == "Restored: 2 people, 1 chats, 1 events."
    _with_databases(settings, look)
    assert len(epochs) == 3


def test_data_is_replaced_only_when_told_to(backup: tuple[Path, str], tmp_path: Path) -> None:
    """A restore over existing data is refused and changes nothing, unless told to replace it; then
    prepared transactions of the old data do not block it."""
    settings = _settings(tmp_path / "data")
    other = new_id()

    def fill(databases: dict[str, psycopg.Connection]) -> None:
        users = databases["users"]
        users.execute(
            "INSERT INTO users (id, username, email) VALUES (%s, 'eve', 'e@example.org')", (other,)
        )
        _prepare(users, "INSERT INTO memberships VALUES (%s, %s)", (other, GARDEN))

    def still_there(databases: dict[str, psycopg.Connection]) -> None:
        assert _one(databases["users"], "SELECT username FROM users") == "eve"

    def replaced(databases: dict[str, psycopg.Connection]) -> None:
        names = databases["users"].execute("SELECT username FROM users ORDER BY username")
        assert [name for (name,) in names] == ["ann", "bob"]

    _with_databases(settings, fill)
    with pytest.raises(BackupFailed, match="REPLACE=yes"):
        restore(settings, backup[0], replace=False)
    _with_databases(settings, still_there)
    restore(settings, backup[0], replace=True)
    _with_databases(settings, replaced)


def test_damaged_backup_is_refused(backup: tuple[Path, str], tmp_path: Path) -> None:
    """A truncated or changed file is refused before anything is touched."""
    content = backup[0].read_bytes()
    cut, changed = tmp_path / "cut.tar", tmp_path / "changed.tar"
    cut.write_bytes(content[: len(content) // 2])
    with tarfile.open(backup[0]) as archive:
        place = archive.getmember("users.dump").offset_data + 100
    changed.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    settings = _settings(tmp_path / "data")
    for file in (cut, changed):
        with pytest.raises(BackupFailed, match="Nothing was restored") as refused:
            restore(settings, file, replace=True)
        assert "broke off" not in str(refused.value)


def test_a_restore_that_breaks_off_says_that_it_has_to_be_repeated(
    backup: tuple[Path, str], tmp_path: Path
) -> None:
    """Both databases are replaced already when there is no place for the files."""
    settings = _settings(tmp_path / "data")
    place = tmp_path / "no-folder"
    place.write_text("")
    elsewhere = read_settings(
        {"HUBBUB_DATA": str(settings.data), "HUBBUB_FILES_URL": (place / "files").as_uri()}
    )
    said = "Not a directory\nThe restore broke off. Run it again, with REPLACE=yes.$"
    with pytest.raises(BackupFailed, match=said):
        restore(elsewhere, backup[0], replace=False)
    assert "Restored: 2 people" in restore(settings, backup[0], replace=True)


@pytest.mark.parametrize(("pages", "program"), [(-1, "tar"), (1, "pg_restore")])
def test_a_full_disk_is_not_mistaken_for_a_damaged_backup(
    backup: tuple[Path, str], tmp_path: Path, pages: int, program: str
) -> None:
    """Neither while the backup is unpacked nor while the dumps are read."""
    with tarfile.open(backup[0]) as archive:
        needed = sum(-(-member.size // PAGE) * PAGE for member in archive.getmembers())
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT,
         str(needed + pages * PAGE), small,
         sys.executable, "-m", "fleet", "restore", str(backup[0])],
        cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False,
        env={**os.environ, "HUBBUB_DATA": str(tmp_path / "data"), "TMPDIR": str(small)},
    )  # fmt: skip
    assert f"Nothing was restored: there is no space left on {small} " in done.stderr
    assert done.stdout == ""
    assert f" ({program}: " in done.stderr


NOWHERE = {
    "HUBBUB_USERS_DATABASE_URL": "postgresql://me@127.0.0.1:1/it",
    "HUBBUB_CHATS_DATABASE_URL": "postgresql://me@127.0.0.1:1/it",
}


def test_a_database_that_is_down_is_not_taken_for_one_in_use(
    backup: tuple[Path, str], tmp_path: Path
) -> None:
    """psql's own message is in the answer."""
    settings = read_settings({"HUBBUB_DATA": str(tmp_path / "data"), **NOWHERE})
    said = "Connection refused(.|\n)*Nothing was restored: the database of chats does not answer.$"
    with pytest.raises(BackupFailed, match=said):
        restore(settings, backup[0], replace=True)


def test_a_small_tmp_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files are on the disk of the data, in a folder that is removed, unless the operator
    chose another place."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "restore.sh").write_text('echo "$TMPDIR" >&2; touch "$TMPDIR/left"')
    monkeypatch.setattr("fleet.commands.backup.SCRIPTS", scripts)
    monkeypatch.delenv("TMPDIR", raising=False)
    settings = read_settings({"HUBBUB_DATA": str(tmp_path / "data"), **NOWHERE})
    used = Path(restore(settings, scripts / "restore.sh", replace=False))
    assert used.parent == settings.data
    assert not used.exists()
    monkeypatch.setenv("TMPDIR", str(scripts))
    assert restore(settings, scripts / "restore.sh", replace=False) == str(scripts)


def test_running_system_is_not_restored_over(backup: tuple[Path, str], tmp_path: Path) -> None:
    """While a fleet holds the data folder, nothing is restored into it."""
    settings = _settings(tmp_path / "data")
    settings.data.mkdir()
    lock = FolderLock(settings.data)
    asyncio.run(lock.acquire())
    try:
        with pytest.raises(FolderInUse):
            restore(settings, backup[0], replace=True)
    finally:
        lock.release()


@pytest.mark.parametrize("missing", [{"users"}, {"users", "chats"}])
def test_external_databases_are_not_mistaken_for_missing_ones(
    backup: tuple[Path, str], tmp_path: Path, missing: set[str]
) -> None:
    """The shell lacks the unit's variables while Hubbub is stopped: the message names them. Nothing
    is created, and no backup of nothing remains."""
    variables = {"users": "HUBBUB_USERS_DATABASE_URL", "chats": "HUBBUB_CHATS_DATABASE_URL"}
    theirs = {v: "postgresql://me@db/it" for role, v in variables.items() if role not in missing}
    settings = read_settings({"HUBBUB_DATA": str(tmp_path / "data"), **theirs})
    settings.keys.mkdir(parents=True)
    (settings.keys / "fleet.key").write_text("a secret\n")
    names = " and ".join(variables[role] for role in variables if role in missing)
    with pytest.raises(BackupFailed, match=f"export {names}, .*hubbub.env.$"):
        back_up(settings, tmp_path / "new.tar")
    with pytest.raises(BackupFailed, match=f"export {names}, .*move {settings.keys} away"):
        restore(settings, backup[0], replace=True)
    assert not (settings.data / "postgres").exists()
    assert not list(tmp_path.glob("new.tar*"))


def test_a_start_that_failed_left_nothing_to_back_up(
    backup: tuple[Path, str], tmp_path: Path
) -> None:
    """It could not listen, so there is only an empty folder of keys. A restore may follow it."""
    settings = _settings(tmp_path / "data")
    settings.keys.mkdir(parents=True)
    with pytest.raises(BackupFailed, match=r"there is no Hubbub in .* yet"):
        back_up(settings, tmp_path / "new.tar")
    assert "Restored: 2 people" in restore(settings, backup[0], replace=False)


def test_backup_keeps_passwords_off_command_lines() -> None:
    """A database's URL becomes a section of libpq's service file, options included."""
    section = service_section("chats", "postgresql://me:a%40b@db.example:5433/it?sslmode=require")
    assert section == (
        "[chats]\nhost=db.example\nport=5433\ntarget_session_attrs=read-write\n"
        "dbname=it\nuser=me\npassword=a@b\nsslmode=require\n"
    )
    several = service_section("chats", "postgresql://me@one,two:5433,[::1]:5434/it")
    assert several.splitlines()[1:3] == ["host=one,two,::1", "port=5432,5433,5434"]


def test_scripts_are_valid_shell() -> None:
    """The shell scripts of the containers parse."""
    for script in (PROJECT_FOLDER / "deploy").rglob("*.sh"):
        subprocess.run(["sh", "-n", script], check=True)


HOLD_LOCK = """
import asyncio, os, pathlib, sys
from fleet.data.lock import FolderLock
asyncio.run(FolderLock(pathlib.Path(os.environ["HUBBUB_DATA"])).acquire())
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("variable", ["HUBBUB_FILES_URL", "HUBBUB_CHATS_DATABASE_URL"])
def test_no_backup_is_made_of_half_of_what_runs(tmp_path: Path, variable: str) -> None:
    """The unit sets the data folder; the shell or cron job that makes backups may not know it."""
    settings = _settings(tmp_path / "data")
    settings.keys.mkdir(parents=True)
    theirs = {"HUBBUB_DATA": str(settings.data), variable: "elsewhere"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK], cwd=PROJECT_FOLDER, env={**os.environ, **theirs},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline() == b"held\n"
        with pytest.raises(BackupFailed, match=f"another {variable} than .*/{running.pid}/environ"):
            back_up(settings, tmp_path / "backup.tar")
        running.communicate()
    assert not list(tmp_path.glob("backup.tar*"))
