"""The command line that inspects a Hubbub: `python -m ops doctor`, `status`, `top` and so on."""

import argparse
import asyncio
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from common.process.variables import SettingsError
from fleet.settings import FleetSettings, read_settings
from ops.bundle import write_archive, write_bundle
from ops.doctor.report import print_diagnosis
from ops.kubernetes import ApiRefused
from ops.passwords import SECRETS
from ops.settings import in_containers
from ops.status import print_status
from ops.top import watch
from ops.trail import print_logs, read_files
from ops.watch import watch_containers


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("status", help="list the processes")
    doctor = commands.add_parser("doctor", help="say what is wrong, why, and how to fix it")
    doctor.add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("watch", help="serve metrics of the containers as a whole")
    top = commands.add_parser("top", help="one live screen: flow, latency, replicas")
    top.add_argument("--once", action="store_true", help="print it once and exit")
    logs = commands.add_parser("logs", help="log lines of a request, a process or a role")
    logs.add_argument(
        "about", help="X-Hubbub-Trace of an answer, a traceparent, a process or a role"
    )
    bundle = commands.add_parser("bundle", help="logs, configuration, metrics for a bug report")
    bundle.add_argument("file", nargs="?", type=Path)
    return parser.parse_args()


def main() -> int:
    arguments = read_arguments()
    try:
        return answer(arguments, read_settings())
    except SettingsError as failure:
        print(f"The settings cannot be read: {failure}", file=sys.stderr)
    except ApiRefused as failure:
        print(failure, file=sys.stderr)
    except OSError as failure:
        print(f"{failure.filename or arguments.command}: {failure.strerror}", file=sys.stderr)
    return 1


def answer(arguments: argparse.Namespace, settings: FleetSettings) -> int:
    """The exit code."""
    match arguments.command:
        case "status":
            return asyncio.run(print_status(settings))
        case "watch":
            return asyncio.run(watch_containers(settings))
        case "doctor":
            return asyncio.run(print_diagnosis(settings, as_json=arguments.json))
        case "top":
            with suppress(KeyboardInterrupt):
                return asyncio.run(watch(settings, once=arguments.once))
            return 0
        case "logs":
            return show_logs(settings, arguments.about)
        case _:
            return asyncio.run(bundle(settings, arguments.file))


def show_logs(settings: FleetSettings, about: str) -> int:
    """For containers, whose logs Docker keeps, reads standard input."""
    if in_containers(settings):
        lines = sys.stdin.readlines()
        return print_logs(lambda: lines, about, place="what docker compose logs gave")
    return print_logs(partial(read_files, settings.logs), about, place=str(settings.logs))


async def bundle(settings: FleetSettings, file: Path | None) -> int:
    """For containers, writes to standard output, with the logs from standard input."""
    if in_containers(settings):
        logs = [("containers.log", await asyncio.to_thread(sys.stdin.read))]
        await write_archive(settings, sys.stdout.buffer, logs, SECRETS)
        return 0
    target = file or Path(time.strftime("hubbub-%Y%m%d-%H%M%S.tar.gz"))
    await write_bundle(settings, target)
    print(f"Written to {target}, without secrets.")
    return 0
