"""`make backup` and `make restore` on one machine: finds both databases and lets the scripts of
deploy/backup work on them.

The same scripts run in containers. Nothing here knows what is in the databases.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit

from fleet.binaries import MissingEngine, postgres_program
from fleet.engines import Engines
from fleet.keys import make_key_folder, read_or_make_secret
from fleet.lock import FolderInUse, FolderLock
from fleet.logs import copy_output, open_log
from fleet.ports import LOOPBACK
from fleet.postgres import Database, DatabaseSetupFailed
from fleet.services import PROJECT_FOLDER
from fleet.settings import DATABASE_VARIABLES, FleetSettings, SettingsError, read_settings
from fleet.state import read_state
from fleet.unprivileged import CannotDropRoot

SCRIPTS = PROJECT_FOLDER / "deploy" / "backup"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0


class BackupFailed(Exception):
    """Nothing was written, or nothing restored; the text says why."""


async def back_up(settings: FleetSettings, target: Path) -> None:
    """Writes a backup of the system, running or not, to a new file. Raises BackupFailed."""
    if not settings.keys.is_dir():
        raise BackupFailed(f"there is no Hubbub in {settings.data}")
    if target.exists():
        raise BackupFailed(f"{target} exists already")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".new")
    async with _database_urls(settings, may_run=True) as urls:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            await _run_script("backup.sh", settings, urls, output=file)
            os.fsync(file.fileno())
    unfinished.rename(target)


async def restore(settings: FleetSettings, source: Path, *, replace: bool) -> None:
    """Puts a backup into a system that does not run, `replace` also over what is there.

    Raises BackupFailed, FolderInUse.
    """
    if not source.is_file():
        raise BackupFailed(f"there is no file {source}")
    async with _database_urls(settings, may_run=False) as urls:
        with source.open("rb") as file:
            extra = {"REPLACE": "yes" if replace else ""}
            await _run_script("restore.sh", settings, urls, given=file, extra=extra)


@contextlib.asynccontextmanager
async def _database_urls(
    settings: FleetSettings, *, may_run: bool
) -> AsyncIterator[Mapping[str, str]]:
    """The databases' URLs by role, of servers that run as long as the block does."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(settings.data)
    try:
        try:
            await lock.acquire()
        except FolderInUse:
            if not may_run:
                raise
            yield _urls_of_running(settings)
            return
        async with _own_engines(settings, lock) as urls:
            yield urls
    finally:
        lock.release()


def _urls_of_running(settings: FleetSettings) -> Mapping[str, str]:
    state = read_state(settings.data)
    port = next((p.port for p in state.processes if p.role == "postgres"), 0) if state else 0
    urls = {}
    for role, variable in DATABASE_VARIABLES.items():
        password = read_or_make_secret(settings.keys / f"{role}-database.password")
        urls[role] = settings.external.get(variable) or Database(f"hubbub_{role}", password).url(
            port
        )
        if urlsplit(urls[role]).port == 0:
            raise BackupFailed("the running Hubbub has no PostgreSQL yet; try again when it has")
    return urls


@contextlib.asynccontextmanager
async def _own_engines(
    settings: FleetSettings, lock: FolderLock
) -> AsyncIterator[Mapping[str, str]]:
    """PostgreSQL of the data folder, started for the time of the block where it is not external."""
    for folder in (settings.logs, settings.run):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_key_folder(settings.keys)
    engines = Engines(settings, lock.for_children)
    urls = {role: engines.urls[variable] for role, variable in DATABASE_VARIABLES.items()}
    program = next((p for p in engines.programs if p.role == "postgres"), None)
    if program is None:
        yield urls
        return
    process = program.start()
    assert process.stdout is not None
    log = open_log(settings.logs, program.name)
    copying = asyncio.create_task(copy_output(process.stdout, log, program.role))
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            while not await program.is_ready():
                if process.poll() is not None:
                    raise BackupFailed(f"PostgreSQL does not start; see {settings.logs}")
                await asyncio.sleep(0.05)
        yield urls
    finally:
        process.send_signal(program.stop_signal)
        await asyncio.to_thread(process.wait, STOP_TIMEOUT_SECONDS)
        await copying


async def _run_script(
    name: str,
    settings: FleetSettings,
    urls: Mapping[str, str],
    *,
    given: IO[bytes] | None = None,
    output: IO[bytes] | None = None,
    extra: Mapping[str, str] | None = None,
) -> None:
    """Raises BackupFailed with what the script says."""
    with tempfile.NamedTemporaryFile("w", prefix="hubbub-services-") as services:
        # A file, for a command line is shown to everybody on the machine.
        services.write("".join(service_section(role, url) for role, url in urls.items()))
        services.flush()
        environment = {
            **os.environ,
            "PATH": f"{postgres_program('psql').parent}:{os.environ.get('PATH', '')}",
            "PGSERVICEFILE": services.name,
            "HUBBUB_SIGNING_KEYS": str(settings.keys / "signing"),
            **(extra or {}),
        }
        process = await asyncio.create_subprocess_exec(
            "sh", str(SCRIPTS / name), env=environment, stderr=subprocess.PIPE,
            stdin=given or subprocess.DEVNULL, stdout=output or subprocess.DEVNULL,
        )  # fmt: skip
        _, said = await process.communicate()
    text = said.decode(errors="replace").strip()
    if process.returncode != 0:
        raise BackupFailed(text or f"{name} ended with {process.returncode}")
    if text:
        print(text)


def service_section(name: str, url: str) -> str:
    """A URL as a section of libpq's connection service file.

    https://www.postgresql.org/docs/current/libpq-pgservice.html
    """
    parts = urlsplit(url)
    settings = {
        "host": parts.hostname or LOOPBACK,
        "port": str(parts.port or 5432),
        "dbname": unquote(parts.path.removeprefix("/")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **dict(parse_qsl(parts.query)),
    }
    lines = [f"{key}={value}\n" for key, value in settings.items() if value]
    return f"[{name}]\n{''.join(lines)}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fleet.backup", description=__doc__)
    parser.add_argument("command", choices=("backup", "restore"))
    parser.add_argument("file", nargs="?", type=Path, help="where to, or where from")
    arguments = parser.parse_args()
    file: Path | None = arguments.file
    try:
        settings = read_settings()
        if arguments.command == "backup":
            target = file or Path("backups") / time.strftime("hubbub-%Y%m%d-%H%M%S.tar")
            asyncio.run(back_up(settings, target))
            print(f"Backed up to {target} ({target.stat().st_size:,} bytes); keep it secret.")
        elif file is None:
            raise BackupFailed("say which backup: make restore FROM=FILE")
        else:
            asyncio.run(restore(settings, file, replace=os.environ.get("REPLACE") == "yes"))
    except (
        BackupFailed, CannotDropRoot, DatabaseSetupFailed, FolderInUse, MissingEngine, SettingsError,
    ) as failure:  # fmt: skip
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
