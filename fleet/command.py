"""The command line: `python -m fleet` runs a Hubbub; its other commands control a running one, or
work on the data of one that may be stopped."""

import argparse
import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from common.process.logs import set_up_logs
from common.process.variables import SettingsError
from fleet.commands.backup import BackupFailed, back_up, restore, run_statement
from fleet.commands.interrupting import Interrupted, run_unless_told
from fleet.commands.move import InUse, move_files
from fleet.commands.rebuild import PROGRAMS, rebuild
from fleet.commands.rotation import rotate_keys
from fleet.commands.stop import stop_running
from fleet.commands.unit import (
    ENVIRONMENT_FILE,
    environment_text,
    preparations,
    unit_text,
)
from fleet.commands.upgrade import upgrade_database
from fleet.control import (
    MakeOwner,
    NotAnswering,
    NotRunning,
    Request,
    Restart,
    Scale,
    ask_fleet,
    serve_control,
)
from fleet.data.keys import make_key_folder
from fleet.data.lock import FolderInUse, FolderLock, ForeignFolder
from fleet.data.logs import log_path, say
from fleet.engines.balancer import front_of
from fleet.engines.binaries import MissingEngine
from fleet.engines.certificate import BadCertificate
from fleet.engines.postgres import DatabaseSetupFailed
from fleet.engines.unprivileged import CannotDropRoot
from fleet.processes.descriptors import TooFewDescriptors, allow_many_descriptors
from fleet.processes.ports import PortTaken, listen_publicly
from fleet.scaling.containers import Containers, DockerFailed, scale_containers
from fleet.settings import (
    DATABASE_VARIABLES,
    SERVICE_ROLES,
    FleetSettings,
    read_replicas,
    read_settings,
)
from fleet.supervisor import Fleet

SHUTS_OTHERS_OUT = (
    "The page works on this machine only, until HUBBUB_PUBLIC_URL is the address at which others "
    "open it, such as http://192.168.1.5:8000."
)
KNOWN_FAILURES = (
    BackupFailed,
    BadCertificate,
    CannotDropRoot,
    DatabaseSetupFailed,
    DockerFailed,
    FolderInUse,
    ForeignFolder,
    InUse,
    Interrupted,
    MissingEngine,
    PortTaken,
    SettingsError,
    TooFewDescriptors,
)
FAILED = {  # how the sentence begins that says why a command failed
    None: "Hubbub does not start: ",
    "run": "Hubbub does not start: ",
    "backup": "",
    "restore": "",  # the sentence says whether anything was restored
    "upgrade-database": "Nothing was changed: ",
}


async def run(settings: FleetSettings) -> None:
    """Start everything, report it, and stop everything on a signal or when the terminal closes."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup has SIGHUP ignored
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(settings.data)
    await lock.acquire()
    for folder in (settings.logs, settings.run):
        folder.mkdir(mode=0o700, exist_ok=True)
    make_key_folder(settings.keys)
    set_up_logs("fleet", "fleet-1", log_path(settings.logs, "fleet-1"))
    if certificate := front_of(settings).certificate:
        certificate.read()  # before anything is started
    with listen_publicly(settings.bind, settings.port) as listener:
        fleet = Fleet(settings, listener, lock.for_children)
        starting = asyncio.create_task(fleet.start())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                say(f"Hubbub is ready at {settings.public_url}", sys.stdout)
                if settings.shuts_others_out:
                    say(SHUTS_OTHERS_OUT)
                if link := await fleet.owner_link():
                    say(f"Nobody owns it yet. Sign up as its owner: {link}", sys.stdout)
                async with serve_control(settings.run, fleet.handle):
                    await stopping
        finally:
            starting.cancel()
            await fleet.stop()


async def tell(settings: FleetSettings, request: Request) -> int:
    """Send a request to the running fleet; exit code 0 when it was done."""
    try:
        answer = await ask_fleet(settings.run, request)
    except NotRunning:
        print(f"No Hubbub runs on {settings.data}.", file=sys.stderr)
        return 1
    except NotAnswering:
        print(
            f"The Hubbub on {settings.data} does not answer: it is still starting, or hangs. "
            "`make doctor` says more.",
            file=sys.stderr,
        )
        return 1
    print(answer.said)
    return 0 if answer.done else 1


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fleet", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="start everything and stay (the default)")
    commands.add_parser("restart", help="replace every service process, one at a time")
    commands.add_parser("stop", help="stop the one that runs, and wait until it is gone")
    scale = commands.add_parser("scale", help="set the number of processes of a role: N, or N-M")
    scale.add_argument("role", choices=SERVICE_ROLES)
    scale.add_argument("replicas")
    owner = commands.add_parser("owner", help="make an account an owner of the instance")
    owner.add_argument("username")
    unit = commands.add_parser("unit", help="print a systemd unit that runs this Hubbub")
    unit.add_argument(
        "--environment", action="store_true", help=f"print what belongs into {ENVIRONMENT_FILE}"
    )
    sql = commands.add_parser("sql", help="run a statement in a database of Hubbub")
    sql.add_argument("role", choices=DATABASE_VARIABLES)
    sql.add_argument("statement")
    again = commands.add_parser("rebuild", help="rebuild from the log what is derived from it")
    again.add_argument("what", choices=PROGRAMS)
    keys = commands.add_parser("keys", help="rotate or revoke the keys that sign tokens")
    keys.add_argument("what", choices=("rotate", "revoke"))
    backup = commands.add_parser("backup", help="write all data to a file")
    backup.add_argument("file", nargs="?", type=Path, help="a new one")
    restoring = commands.add_parser(
        "restore", help="put a backup into a stopped Hubbub; with REPLACE=yes, instead of its data"
    )
    restoring.add_argument("file", nargs="?", type=Path, help="of a backup")
    upgrade = commands.add_parser(
        "upgrade-database", help="move the data of an older PostgreSQL into the installed one"
    )
    upgrade.add_argument("--old", type=Path, help="the folder of the old release's programs")
    moving = commands.add_parser("move-files", help="move the bytes of files to another store")
    moving.add_argument("source", metavar="FROM", help="a URL, as in HUBBUB_FILES_URL")
    moving.add_argument("target", metavar="TO", help="likewise")
    moving.add_argument("--copy", action="store_true", help="leave the old place as it is")
    commands.add_parser("autoscale", help="scale the containers of docker compose by load")
    return parser.parse_args()


def run_command(settings: FleetSettings, arguments: argparse.Namespace) -> int:
    """Whatever does not start a Hubbub; returns the exit code. Raises KNOWN_FAILURES, OSError."""
    match arguments.command:
        case "restart":
            return asyncio.run(tell(settings, Restart()))
        case "stop":
            return stop_running(settings.data)
        case "scale":
            role = arguments.role
            chosen = read_replicas(f"{role}={arguments.replicas}", cores=1)[role]
            return asyncio.run(tell(settings, Scale(role, chosen.minimum, chosen.maximum)))
        case "owner":
            if not arguments.username:
                say("Say which account: make owner NAME=ann")
                return 1
            return asyncio.run(tell(settings, MakeOwner(arguments.username)))
        case "unit" if arguments.environment:
            print(environment_text(settings), end="")
            return 0
        case "unit":
            print(unit_text(settings), end="")
            for command in preparations(settings):
                say(f"Before it starts, type: {command}")
            return 0
        case "sql":
            return run_unless_told(run_statement(settings, arguments.role, arguments.statement))
        case "rebuild":
            return run_unless_told(rebuild(settings, arguments.what))
        case "keys":
            return run_unless_told(rotate_keys(settings, arguments.what))
        case "backup":
            target = arguments.file or Path(time.strftime("backups/hubbub-%Y%m%d-%H%M%S.tar"))
            back_up(settings, target)
            size = f"{target.stat().st_size:,} bytes"
            print(f"Backed up {settings.data} to {target} ({size}). Keep it secret.")
            return 0
        case "restore" if arguments.file is None:
            say("Say which backup: make restore FROM=FILE")
            return 1
        case "restore":
            replace = os.environ.get("REPLACE") == "yes"
            print(restore(settings, arguments.file, replace=replace))
            return 0
        case "upgrade-database":
            print(run_unless_told(upgrade_database(settings, arguments.old)))
            return 0
        case "move-files":
            move_files(settings, arguments.source, arguments.target, copy=arguments.copy)
        case _:  # autoscale
            with suppress(KeyboardInterrupt):
                asyncio.run(scale_containers(Containers(settings.replicas), settings.limits))
            return 0


def main() -> int:
    arguments = read_arguments()
    failed = FAILED.get(arguments.command, "Not done: ")
    try:
        settings = read_settings()
        if arguments.command not in (None, "run"):
            return run_command(settings, arguments)
        allow_many_descriptors()
        os.umask(0o077)  # only the operator may read data, keys and logs
        asyncio.run(run(settings))
    except KNOWN_FAILURES as failure:
        say(f"{failed}{failure}")
        return 1
    except OSError as failure:  # of a Hubbub only from its start: it handles later ones itself
        say(f"{failed}{failure.filename or settings.data}: {failure.strerror}")
        return 1
    return 0
