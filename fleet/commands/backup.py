"""`make backup` and `make restore` on one machine: finds both databases and the bytes of files, and
runs the scripts of deploy/backup on them.

The same scripts run in containers. Nothing here knows what is in the databases.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from common.process.settings import join_password
from common.process.variables import DATABASE_PASSWORD_FILE
from fleet.commands.interrupting import ending, run_unless_told
from fleet.commands.service_file import service_file
from fleet.commands.unit import ENVIRONMENT_FILE
from fleet.data.backed_up import note_backup
from fleet.data.lock import FolderInUse, FolderLock, is_held_by_command, lock_holder
from fleet.data.logs import copy_output
from fleet.data.state import read_state, started_with
from fleet.engines.binaries import postgres_program
from fleet.engines.databases import open_cluster, read_database
from fleet.engines.postgres import (
    Database,
    accepts_connections,
    server_command,
)
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from fleet.settings import (
    DATA_VARIABLES,
    DATABASE_VARIABLES,
    PROJECT_FOLDER,
    FleetSettings,
)

SCRIPTS = PROJECT_FOLDER / "deploy" / "backup"
REFUSED = 64  # restore.sh changed nothing
SCRATCH = "hubbub-backup-"  # the beginning of a temporary folder's name
BROKE_OFF = "The restore broke off. Run it again, with REPLACE=yes."
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0


class BackupFailed(Exception):
    """Nothing was written or restored, unless the text says that a restore broke off; it says
    why."""


def back_up(settings: FleetSettings, target: Path) -> None:
    """Writes a backup of the system, running or not, to a new file. Raises BackupFailed, OSError,
    Interrupted, and then leaves nothing behind."""
    if not _are_external(settings):
        check_started(settings)
    if target.exists():
        raise BackupFailed(f"{target} exists already")
    target.parent.mkdir(parents=True, exist_ok=True)
    room = target.parent.absolute()
    unfinished = target.with_name(target.name + ".new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            run_unless_told(_run_script("backup.sh", settings, room, output=file))
            os.fsync(file.fileno())
        unfinished.rename(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    note_backup(settings.data)


def restore(settings: FleetSettings, source: Path, *, replace: bool) -> str:
    """Restores a backup into a stopped system; with `replace`, over existing data.

    Returns a sentence with the counts of what was restored. Raises BackupFailed, FolderInUse,
    OSError, Interrupted.
    """
    if not source.is_file():
        raise BackupFailed(f"there is no file {source}")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as file:
        running = _run_script("restore.sh", settings, settings.data, given=file, replace=replace)
        return run_unless_told(running)


def _remove_left(room: Path) -> None:
    """What a restore that was killed left."""
    for folder in room.glob(f"{SCRATCH}*"):
        shutil.rmtree(folder, ignore_errors=True)


async def _run_script(
    name: str,
    settings: FleetSettings,
    room: Path,
    *,
    given: IO[bytes] | None = None,
    output: IO[bytes] | None = None,
    replace: bool = False,
) -> str:
    """Returns the script's output, or raises it as BackupFailed if it explains the failure. Its
    temporary files are in `room` unless the operator set TMPDIR: /tmp may be small."""
    may_run = given is None
    async with (
        databases_of(settings, may_run=may_run) as urls,
        files_of(settings, name, room) as folder,
    ):
        if not may_run:  # nobody else works here
            _remove_left(room)
        with (
            service_file(urls) as services,
            tempfile.TemporaryDirectory(
                prefix=SCRATCH, dir=room, ignore_cleanup_errors=True
            ) as scratch,
        ):
            environment = {
                "TMPDIR": scratch,
                **os.environ,
                "PATH": f"{_programs(settings)}:{os.environ.get('PATH', '')}",
                "PGSERVICEFILE": services.path,
                "HUBBUB_SIGNING_KEYS": str(settings.old_signing_keys),  # to be removed
                "HUBBUB_FILES_FOLDER": str(folder),
                "REPLACE": "yes" if replace else "",
            }
            starting = asyncio.create_subprocess_exec(
                "sh", str(SCRIPTS / name), env=environment, stderr=subprocess.PIPE,
                stdin=given or subprocess.DEVNULL, stdout=output or subprocess.DEVNULL,
                pass_fds=[services.descriptor], process_group=0,
            )  # fmt: skip
            async with ending(starting, group=True) as process:
                _, said = await process.communicate()
        text = said.decode(errors="replace").strip()
        if process.returncode != 0:
            text = text or f"{name} ended with {process.returncode}"
            may_be_half = given is not None and process.returncode != REFUSED
            raise BackupFailed(f"{text}\n{BROKE_OFF}" if may_be_half else text)
    return text


def _programs(settings: FleetSettings) -> str:
    """The folder of psql and pg_dump. Those of the wheel do not speak TLS: for external servers
    POSTGRES may name others."""
    named = os.environ.get("POSTGRES") if _are_external(settings) else None
    return named or str(postgres_program("psql").parent)


async def run_statement(settings: FleetSettings, role: str, statement: str) -> int:
    """Runs a statement with psql in the database of a role; returns its exit code."""
    async with databases_of(settings, may_run=True) as urls:
        with service_file({role: urls[role]}) as services:
            # Also if the database is read-only by default, which the statement may be meant to
            # change.
            place = f"service={role} target_session_attrs=primary"
            starting = asyncio.create_subprocess_exec(
                postgres_program("psql"), "--no-psqlrc", "-c", statement, place,
                env={**os.environ, "PGSERVICEFILE": services.path},
                pass_fds=[services.descriptor],
            )  # fmt: skip
            async with ending(starting) as process:
                return await process.wait()


@asynccontextmanager
async def files_of(settings: FleetSettings, script: str, room: Path) -> AsyncIterator[Path]:
    """A folder with the bytes of files: the store's own, or a copy of a remote store's, in the
    place of temporary files. Raises BackupFailed."""
    parts = urlsplit(settings.files_url)
    if parts.scheme == "file":
        yield Path(unquote(parts.path))
        return
    place = os.environ.get("TMPDIR", room)
    with tempfile.TemporaryDirectory(prefix="hubbub-files-", dir=place) as folder:
        local = Path(folder).as_uri()
        if script == "backup.sh":
            await _copy_files(settings.files_url, local)
        yield Path(folder)
        if script == "restore.sh":
            try:
                await _copy_files(local, settings.files_url)
            except BackupFailed as failure:
                raise BackupFailed(f"{failure}\n{BROKE_OFF}") from failure


async def _copy_files(source: str, target: str) -> None:
    """Raises BackupFailed."""
    starting = asyncio.create_subprocess_exec(
        sys.executable, "-m", "files.move", "--copy", source, target, cwd=PROJECT_FOLDER,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with ending(starting) as process:
        _, said = await process.communicate()
    if process.returncode != 0:
        raise BackupFailed(said.decode(errors="replace").strip())


@asynccontextmanager
async def databases_of(
    settings: FleetSettings, *, may_run: bool
) -> AsyncIterator[Mapping[str, str]]:
    """The databases' URLs by role, of servers that run for the duration of the block. Creates
    databases only for a restore, in a folder where no Hubbub has run."""
    if _are_external(settings):  # nothing of theirs has to be here
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif may_run:
        check_started(settings)
    lock = FolderLock(settings.data, for_command=True)
    try:
        try:
            await lock.acquire()
        except FolderInUse:
            # Another command's databases are its own, unless they are the operator's.
            if not may_run or (is_held_by_command(settings.data) and not _are_external(settings)):
                raise
            _check_variables(settings)
            yield _urls(settings, _port_of_running(settings))
            return
        if _are_external(settings):
            yield _urls(settings, 0)
            return
        _check_databases(settings, may_run=may_run)
        with closing(ReservedPort()) as port:
            async with running_server(settings, settings.data / "postgres", port.number, lock):
                yield _urls(settings, port.number)
    finally:
        lock.release()


def _are_external(settings: FleetSettings) -> bool:
    """Whether both databases are the operator's own."""
    return settings.external.keys() >= set(DATABASE_VARIABLES.values())


def check_started(settings: FleetSettings) -> None:
    """Raises BackupFailed."""
    if not settings.keys.is_dir():
        raise BackupFailed(_not_started(settings))


def _not_started(settings: FleetSettings) -> str:
    return f"there is no Hubbub in {settings.data} yet. Start it first: make run"


def _check_databases(settings: FleetSettings, *, may_run: bool) -> None:
    """Without the variables of external databases, new and empty ones would be created here.
    Raises BackupFailed."""
    ours = settings.data / "postgres"
    if ours.exists() or any(settings.data.glob(f"{ours.name}.before-*")):  # make_cluster explains
        return
    if not any(settings.keys.glob("*")):  # empty if the first start could not listen
        if may_run:
            raise BackupFailed(_not_started(settings))
        return
    names = [name for name in DATABASE_VARIABLES.values() if name not in settings.external]
    lost = f" If they are lost, move {settings.keys} away: a restore then creates new ones."
    raise BackupFailed(
        f"there are no databases in {settings.data}. If they are elsewhere, export "
        f"{' and '.join(names)}, which a unit reads from {ENVIRONMENT_FILE}."
        f"{'' if may_run else lost}"
    )


def _check_variables(settings: FleetSettings) -> None:
    """A shell may lack variables that the unit has. Raises BackupFailed."""
    holder = lock_holder(settings.data)
    theirs = started_with(holder) if holder else None
    if theirs is not None and (names := settings.differing(theirs, DATA_VARIABLES)):
        raise BackupFailed(
            f"Hubbub was started with another {', '.join(names)} than this shell has: its data "
            "would be missed. Export what it has, which this shows: "
            f"tr '\\0' '\\n' </proc/{holder}/environ | grep ^HUBBUB_"
        )


def _port_of_running(settings: FleetSettings) -> int:
    """The port of the fleet's PostgreSQL on this folder, 0 if it has none of its own."""
    state = read_state(settings.data)
    return next((p.port for p in state.processes if p.role == "postgres"), 0) if state else 0


def _urls(settings: FleetSettings, port: int) -> Mapping[str, str]:
    """Raises BackupFailed."""
    urls = {}
    for role, variable in DATABASE_VARIABLES.items():
        if variable in settings.external:
            urls[role] = _with_password(settings, variable)
        elif port == 0:
            raise BackupFailed("PostgreSQL is not up yet. Try again when Hubbub is ready.")
        else:
            urls[role] = _read_database(settings, role).url(port)
    return urls


def _with_password(settings: FleetSettings, variable: str) -> str:
    """An external database's URL, completed like that of a service. Raises BackupFailed."""
    file = settings.environment.get(DATABASE_PASSWORD_FILE.name)
    try:
        password = Path(file).read_text().strip() if file else None
        return join_password(settings.external[variable], password)
    except ValueError as error:
        raise BackupFailed(f"{variable} {error}") from error


def _read_database(settings: FleetSettings, role: str) -> Database:
    try:
        return read_database(settings.keys, role)
    except FileNotFoundError as error:  # the server keeps the old password while it runs
        raise BackupFailed(
            f"{error.filename} is gone. Put it back, or type: make stop && make run   "
            "# which makes a new one"
        ) from error


@asynccontextmanager
async def running_server(
    settings: FleetSettings, folder: Path, port: int, lock: FolderLock, program: Path | None = None
) -> AsyncIterator[None]:
    """A server on the folder for the duration of the block; a new folder gets a new one. `program`
    is its `postgres`, if it is not the installed one."""
    for needed in (settings.logs, settings.run):
        needed.mkdir(mode=0o700, parents=True, exist_ok=True)
    databases, disguise = open_cluster(folder, settings.keys, program)
    process = spawn(
        server_command(folder, port, disguise, program),
        env={"PATH": os.environ.get("PATH", "")},
        cwd=settings.run,
        pass_fds=[lock.for_children],
    )
    assert process.stdout is not None
    copying = asyncio.create_task(
        copy_output(process.stdout, settings.logs, "postgres", "postgres-1")
    )
    try:
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_SECONDS
        while not await accepts_connections(port, databases["chats"].name):
            if process.poll() is not None:
                raise BackupFailed(f"PostgreSQL does not start; see {settings.logs}")
            if asyncio.get_running_loop().time() > deadline:
                raise BackupFailed(f"PostgreSQL is still not ready; see {settings.logs}")
            await asyncio.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # ends sessions instead of waiting for them
        await asyncio.to_thread(process.wait, STOP_TIMEOUT_SECONDS)
        await copying
