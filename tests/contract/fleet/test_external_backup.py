"""Backups, the first owner and key changes where both databases are external."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from common.database.migrations import migrate
from common.protocol.ids import new_id
from fleet.commands.backup import BackupFailed, back_up, restore
from fleet.settings import PROJECT_FOLDER, read_settings

VARIABLES = {"users": "HUBBUB_USERS_DATABASE_URL", "chats": "HUBBUB_CHATS_DATABASE_URL"}


def _make_databases(make: Callable[[], str], *, with_ann: bool) -> dict[str, str]:
    """With one account, or empty. By variable."""
    urls = {role: make() for role in VARIABLES}
    if with_ann:
        for role, url in urls.items():
            asyncio.run(migrate(url, PROJECT_FOLDER / role / "migrations"))
        with psycopg.connect(urls["users"]) as users:
            users.execute(
                "INSERT INTO users (id, username, email) VALUES (%s, 'ann', 'ann@example.org')",
                (new_id(),),
            )
    return {VARIABLES[role]: url for role, url in urls.items()}


def _split(urls: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The URLs without their password, which is the same, and the password."""
    password = urlsplit(next(iter(urls.values()))).password
    assert password
    return {name: url.replace(f":{password}@", "@") for name, url in urls.items()}, password


class Host:
    """One of several hosts, with the settings and secrets that its services have."""

    def __init__(self, folder: Path, urls: Mapping[str, str]) -> None:
        self.folder = folder
        self.files, self.temporary = folder / "files with & in it", folder / "tmp"
        for needed in (self.files, self.temporary):
            needed.mkdir(parents=True)
        secrets = folder / "secrets"
        subprocess.run(
            [PROJECT_FOLDER / "deploy/make-secrets", secrets], check=True, capture_output=True
        )
        bare, password = _split(urls)
        for role in VARIABLES:
            file = secrets / f"{role}-database.password"
            file.unlink()
            file.write_text(password)
        settings = {
            "HERE": "127.0.0.1", "HOSTS": '"127.0.0.1 127.0.0.2"', "SECRETS": str(secrets),
            "DATA": str(folder / "data"), "HUBBUB_VALKEY_URL": "valkey+cluster://ROLE@127.0.0.1:1",
            "HUBBUB_FILES_URL": f'"{self.files.as_uri()}"', **bare,
        }  # fmt: skip
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (folder / "hosts.env").write_text("# as in docs/hosts.md\n" + "".join(lines))

    def operate(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [PROJECT_FOLDER / "deploy/hosts/operate", *words],
            env={
                "PATH": os.environ["PATH"], "SETTINGS": str(self.folder / "hosts.env"),
                "PYTHON": sys.executable, "TMPDIR": str(self.temporary),
            },
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert os.listdir(self.temporary) == [], "the file of passwords is removed"
        return done.returncode, done.stdout + done.stderr


def test_a_host_has_its_commands(make_database: Callable[[], str], tmp_path: Path) -> None:
    """A backup into a new file, restored elsewhere; an owner; another key. None of them needs a
    Hubbub that ran from a data folder, nor a password beside the files."""
    host = Host(tmp_path / "one", _make_databases(make_database, with_ann=True))
    (host.files / "picture").write_bytes(b"bytes of a file")
    code, said = host.operate("backup", "hubbub.tar")
    assert code == 0, said
    backup = host.folder / "hubbub.tar"
    assert backup.stat().st_mode & 0o777 == 0o600
    assert host.operate("backup", "hubbub.tar") == (1, f"{backup} exists already\n")
    assert host.operate("owner", "ann") == (0, "ann is an owner of this instance now.\n")
    assert host.operate("owner", "bob")[0] == 1
    code, said = host.operate("keys", "rotate")
    assert (code, said.split()[0]) == (0, "made"), said
    other = Host(tmp_path / "other", _make_databases(make_database, with_ann=False))
    code, said = other.operate("restore", str(backup))
    assert (code, said) == (0, "Restored: 1 people, 0 chats, 0 events.\n")
    assert (other.files / "picture").read_bytes() == b"bytes of a file"


@pytest.mark.parametrize("words", [(), ("owner",), ("keys", "lose"), ("run", "x")])
def test_a_host_says_which_commands_there_are(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Before it reads any settings."""
    done = subprocess.run(
        [PROJECT_FOLDER / "deploy/hosts/operate", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "Say what")


def test_the_password_of_external_databases_may_be_in_a_file(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    """As services read it. A new data folder is enough."""
    urls = _make_databases(make_database, with_ann=True)
    bare, password = _split(urls)
    file, files = tmp_path / "password", tmp_path / "files"
    file.write_text(f"{password}\n")
    files.mkdir()
    environment = {
        "HUBBUB_DATA": str(tmp_path / "data"), "HUBBUB_FILES_URL": files.as_uri(),
        "HUBBUB_DATABASE_PASSWORD_FILE": str(file), **bare,
    }  # fmt: skip
    settings = read_settings(environment)
    back_up(settings, tmp_path / "backup.tar")
    said = restore(settings, tmp_path / "backup.tar", replace=True)
    assert said == "Restored: 1 people, 0 chats, 0 events."
    with pytest.raises(BackupFailed, match="no password beside the file's"):
        back_up(read_settings({**environment, **urls}), tmp_path / "another.tar")


def test_keys_change_only_where_their_secret_is(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    """In another folder a new secret would be made, which no process of users has."""
    bare, password = _split(_make_databases(make_database, with_ann=True))
    (tmp_path / "password").write_text(password)
    environment = {
        "HUBBUB_DATA": str(tmp_path / "data"), "PATH": os.environ["PATH"],
        "HUBBUB_DATABASE_PASSWORD_FILE": str(tmp_path / "password"), **bare,
    }  # fmt: skip
    for has_keys in (False, True):
        if has_keys:
            (tmp_path / "data" / "keys").mkdir(mode=0o700, parents=True)
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "keys", "rotate"], cwd=PROJECT_FOLDER,
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == (0 if has_keys else 1), done.stderr
        assert done.stdout.startswith("made ") == has_keys
        assert (tmp_path / "data").exists() == has_keys


@pytest.mark.parametrize("what", ["messages", "search"])
def test_a_rebuild_takes_the_password_from_a_file(
    make_database: Callable[[], str], tmp_path: Path, what: str
) -> None:
    """As the services do."""
    bare, password = _split(_make_databases(make_database, with_ann=True))
    (tmp_path / "password").write_text(password)
    environment = {
        "HUBBUB_DATA": str(tmp_path / "data"), "PATH": os.environ["PATH"],
        "HUBBUB_DATABASE_PASSWORD_FILE": str(tmp_path / "password"), **bare,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "rebuild", what], cwd=PROJECT_FOLDER,
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
