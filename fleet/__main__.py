"""The command line: `python -m fleet` runs a Hubbub, the other words ask about one."""

import argparse
import asyncio
import os
import resource
import signal
import sys

from fleet.binaries import MissingEngine
from fleet.doctor import print_diagnosis
from fleet.lock import FolderInUse, FolderLock
from fleet.ports import PortTaken, listen_publicly
from fleet.postgres import DatabaseSetupFailed
from fleet.settings import FleetSettings, SettingsError, read_settings
from fleet.status import print_status
from fleet.supervisor import Fleet
from fleet.unprivileged import CannotDropRoot

KNOWN_FAILURES = (
    CannotDropRoot,
    DatabaseSetupFailed,
    FolderInUse,
    MissingEngine,
    PortTaken,
    SettingsError,
)


async def run(settings: FleetSettings) -> None:
    """Start everything, say so, and stop everything at SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(settings.data)
    await lock.acquire()
    with listen_publicly(settings.bind, settings.port) as listener:
        fleet = Fleet(settings, listener, lock.for_children)
        starting = asyncio.create_task(fleet.start())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                print(f"Hubbub is ready at {settings.address}", flush=True)
            await stopping
        finally:
            starting.cancel()
            await fleet.stop()


def allow_many_descriptors() -> None:
    """Raise the soft limit as far as the system lets; each socket takes two in the balancer."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fleet", description=__doc__)
    parser.add_argument(
        "command", nargs="?", default="run", choices=("run", "status", "doctor"),
        help="run (the default), status: list the processes, doctor: say what is wrong",
    )  # fmt: skip
    command = parser.parse_args().command
    try:
        settings = read_settings()
        if command == "status":
            return print_status(settings.data)
        if command == "doctor":
            return asyncio.run(print_diagnosis(settings))
        allow_many_descriptors()
        os.umask(0o077)  # data, keys and logs are the operator's alone
        asyncio.run(run(settings))
    except KNOWN_FAILURES as failure:
        print(f"Hubbub does not start: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
