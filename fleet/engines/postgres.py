"""The PostgreSQL server of one machine: one server, with a database and a role for each service.

Only uses the server's programs and sends no SQL to a running server; services connect themselves.
"""

import asyncio
import os
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from fleet.engines.binaries import postgres_program
from fleet.engines.unprivileged import Disguise, choose_disguise
from fleet.processes.ports import LOOPBACK

SUPERUSER = "hubbub"
INITDB_TIMEOUT_SECONDS = 60
ANSWER_SECONDS: Final = 1.0

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # so no path can be too long
    "max_connections": "200",
    "max_prepared_transactions": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    # When one of its processes crashes, the whole server ends and its supervisor starts it again. A
    # server that restarts by itself may refuse all connections for ever after a full disk.
    "restart_after_crash": "off",
    "jit": "off",
    "max_wal_size": "2GB",
    # A transaction that needs a new write-ahead log segment would wait 40 to 65 ms while it is
    # filled with zeros, and all sends with it. Used segments are recycled.
    "wal_init_zero": "off",
    "min_wal_size": "512MB",
    "max_logical_replication_workers": "0",  # nothing subscribes
    # All buffers are touched at the start. About 100 kB lie between two flushes of commits; the
    # default 4 MB made neither commits nor bulk inserts faster.
    "wal_buffers": "2MB",
    # Asynchronous commits are harmless to lose; all others are flushed when they commit. At rest,
    # waking up five times a second cost as much as a service's connection.
    "wal_writer_delay": "1s",
    # Lock tables have room for all connections and prepared transactions, and are touched at the
    # start. Nothing is serializable, and no transaction locks as many tables as the default allows.
    "max_pred_locks_per_transaction": "10",
    "max_locks_per_transaction": "20",  # above 16: a process keeps 32 weak locks of its own
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%e ",
    "log_min_error_statement": "panic",  # statements contain users' text
    "log_parameter_max_length": "0",
    "log_error_verbosity": "terse",  # details contain e-mail addresses that are taken
}

# Only for the installed release, since others may not know them: the I/O operations of one process
# (64 by default; `effective_io_concurrency` needs no more than this) and the slots of autovacuum
# workers (16 by default), all of whose entries are touched at the start. After a crash the file
# system is flushed once, instead of two thousand files one after the other.
_INSTALLED: Final = {
    "io_max_concurrency": "16",
    "autovacuum_worker_slots": "3",
    "recovery_init_sync_method": "syncfs",
}

# For a server of 512 MB. What is not in its own memory is in the system's cache, while that
# suffices. It does not start with fewer prepared transactions than exist.
SMALL: Final = {
    "shared_buffers": "24MB",
    "max_connections": "60",
    "max_prepared_transactions": "60",
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
    "wal_buffers": "1MB",
    "work_mem": "2MB",
    "maintenance_work_mem": "16MB",
    "autovacuum_max_workers": "1",
    "max_parallel_workers": "0",
    "io_workers": "1",
}


class Database(NamedTuple):
    """A database and the only role that may connect to it; both have the same name."""

    name: str
    password: str
    options: str = ""  # further role options, such as CREATEDB

    def url(self, port: int) -> str:
        return f"postgresql://{self.name}:{self.password}@{LOOPBACK}:{port}/{self.name}"


class DatabaseSetupFailed(Exception):
    """`initdb` or the first SQL failed; the text is their output."""


def major_release(program: Path) -> int:
    """The major release of a `postgres`. Raises DatabaseSetupFailed."""
    done = subprocess.run(  # noqa: S603 - the fleet's own program, no shell
        [program, "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"\) (\d+)", done.stdout)
    if found is None:
        raise DatabaseSetupFailed(f"{program} does not say which PostgreSQL it is: {done.stderr}")
    return int(found[1])


def made_by(folder: Path) -> int:
    """The major release that created the data folder."""
    return int((folder / "PG_VERSION").read_text())


def make_cluster(
    folder: Path, databases: Sequence[Database], program: Path | None = None
) -> Disguise:
    """Create the data folder with its databases unless it exists; return how to run the server.

    Each role may connect only to its own database, and nobody else at all: the superuser cannot
    connect over the network. Blocks for a second or two if it has something to create. `program` is
    the `postgres` that will run, if it is not the installed one. Raises DatabaseSetupFailed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = program or postgres_program("postgres")
    disguise = choose_disguise(server, folder.parent)
    if folder.exists():
        was, now = made_by(folder), major_release(server)
        if was != now:
            raise DatabaseSetupFailed(
                f"{folder} is of PostgreSQL {was}, and PostgreSQL {now} is installed. "
                "Type: make upgrade-database"
            )
        return disguise
    kept = sorted(folder.parent.glob(f"{folder.name}.before-*"))
    if kept:  # an empty database would look like total data loss
        raise DatabaseSetupFailed(
            f"An upgrade of the database was cut off. Type: mv {kept[-1]} {folder}"
        )
    unfinished = folder.with_name(folder.name + ".new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    os.chown(unfinished, disguise.owner, -1)
    _run(
        [
            *disguise.prefix, str(server.with_name("initdb")), "--pgdata", str(unfinished),
            "--username", SUPERUSER, "--encoding", "UTF8", "--locale-provider", "builtin",
            "--builtin-locale", "C.UTF-8", "--locale", "C", "--auth", "reject", "--no-instructions",
            "--no-sync",
        ]
    )  # fmt: skip
    # Single-user mode takes one statement per line and needs no password for the first superuser.
    _run(
        [*disguise.prefix, str(server), "--single", "-j", "-D",
         str(unfinished), "postgres"],
        text=_first_sql(databases),
    )  # fmt: skip
    (unfinished / "pg_hba.conf").write_text(_access(databases))
    _run([*disguise.prefix, str(server.with_name("initdb")), "--sync-only", "-D", str(unfinished)])
    unfinished.rename(folder)
    return disguise


def set_passwords(
    folder: Path, databases: Sequence[Database], disguise: Disguise, program: Path | None = None
) -> None:
    """Give the roles new passwords, and allow them to log in again. No server may run on the
    folder. `program` as in make_cluster. Raises DatabaseSetupFailed."""
    alter = "ALTER ROLE {} LOGIN CONNECTION LIMIT -1 PASSWORD '{}';\n\n"
    # With all settings: it has to recover what it finds there, including prepared transactions.
    _run(
        [*disguise.prefix, str(program or postgres_program("postgres")), "--single", "-j",
         *_options(_SETTINGS), "-D", str(folder), "postgres"],
        text="".join(alter.format(name, password) for name, password, _ in databases),
    )  # fmt: skip


def _run(command: Sequence[str], text: str = "") -> None:
    """In its own session: Ctrl-C in the terminal is for the caller, who ends after it."""
    with subprocess.Popen(  # noqa: S603 - the fleet's own programs, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(text.encode(), INITDB_TIMEOUT_SECONDS)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # its children too, which use the folder
            process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise DatabaseSetupFailed(
                f"PostgreSQL could not be set up within {INITDB_TIMEOUT_SECONDS} s: the disk or "
                "the machine is busy. Try again."
            ) from error
    output = said.decode(errors="replace")
    # Single-user mode continues after an error and exits 0.
    if process.returncode != 0 or "ERROR:" in output or "FATAL:" in output:
        raise DatabaseSetupFailed(f"PostgreSQL could not be set up:\n{output.strip()}")


def _first_sql(databases: Sequence[Database]) -> str:
    statements = ["REVOKE CONNECT, TEMPORARY ON DATABASE postgres FROM PUBLIC"]
    for name, password, options in databases:
        statements += [
            f"CREATE ROLE {name} LOGIN {options} PASSWORD '{password}'",
            f"CREATE DATABASE {name} OWNER {name}",
            f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC",
        ]
    return "".join(f"{statement};\n\n" for statement in statements)  # -j: a blank line ends one


def _access(databases: Sequence[Database]) -> str:
    lines = (
        f"host {'all' if 'CREATEDB' in database.options else database.name} {database.name} "
        f"{LOOPBACK}/32 scram-sha-256\n"
        for database in databases
    )
    return "".join(lines)


def server_command(
    folder: Path, port: int, disguise: Disguise, program: Path | None = None, **settings: str
) -> list[str | Path]:
    """The command that runs the server in the foreground; `program` as in make_cluster."""
    server = program or postgres_program("postgres")
    own = {} if program else _INSTALLED
    options = _options({**_SETTINGS, **own, "port": str(port), **settings})
    return [*disguise.prefix, server, "-D", folder, *options]


def _options(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


async def accepts_connections(port: int, database: str) -> bool:
    """Whether the server has finished its recovery: it asks for a password instead of refusing."""
    return (await _ask_to_enter(port, database)).startswith(b"R")


async def is_up_or_recovers(port: int, database: str) -> bool:
    """The same, or it refuses everybody because it recovers what was written before a crash. That
    may take minutes, and begins anew each time the server is killed."""
    answer = await _ask_to_enter(port, database)
    refuses = b"C57P03\0" in answer
    return answer.startswith(b"R") or (refuses and b"shutting down" not in answer)


async def _ask_to_enter(port: int, database: str) -> bytes:
    """The server's answer to a client that begins to log in; empty if there is none.

    https://www.postgresql.org/docs/current/protocol-message-formats.html, StartupMessage.
    """
    parameters = f"user\0{database}\0database\0{database}\0\0".encode()
    startup = struct.pack("!ii", 8 + len(parameters), 196608) + parameters
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(startup)
                return await reader.read(1024)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
