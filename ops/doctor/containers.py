"""Collects the doctor's facts in a container beside those of docker-compose.yml."""

import asyncio
import os
import platform
import time
from typing import Final

from fleet.probe import Address
from fleet.settings import DATABASE_VARIABLES, FleetSettings
from ops.doctor.collecting import collect_processes
from ops.doctor.entrance import ask_entrance
from ops.doctor.queries import ask_database
from ops.doctor.scene import BusFacts, Scene
from ops.starts import database_url
from ops.watch import ask_watcher

BALANCER: Final = Address("haproxy", 8080)
BUS: Final = Address("valkey", 6379)
TIMEOUT_SECONDS: Final = 5.0
PLENTY: Final = 2**30  # where only the containers themselves know


async def collect_containers(settings: FleetSettings) -> Scene:
    """Takes a few seconds where something hangs."""
    state = await ask_watcher(settings)
    system_ready, processes, databases, bus = await asyncio.gather(
        _ask_balancer(settings),
        collect_processes(state),
        asyncio.gather(*(ask_database(role, database_url(role)) for role in DATABASE_VARIABLES)),
        _ask_bus(),
    )
    disk = os.statvfs("/")  # of the machine: where volumes are unless the operator moved them
    return Scene(
        settings=settings,
        now=time.time(),
        state=state,
        port_is_taken=True,
        system_ready=system_ready,
        programs={"python": platform.python_version()},
        packages={},
        max_descriptors=PLENTY,
        free_bytes=disk.f_bavail * disk.f_frsize,
        free_files=disk.f_favail if disk.f_files else -1,
        open_secrets=(),
        processes=processes,
        databases=dict(zip(DATABASE_VARIABLES, databases, strict=True)),
        bus=bus,
        in_containers=True,
    )


async def _ask_balancer(settings: FleetSettings) -> int | None:
    status = await ask_entrance(BALANCER, settings)
    return 200 if status == 308 else status  # with TLS it sends everybody to https


async def _ask_bus() -> BusFacts:
    """Whether it answers at all: nobody but the services may log in."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(*BUS)
            try:
                writer.write(b"PING\r\n")
                answer = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        return BusFacts(error=f"{type(error).__name__}: {error}".rstrip(": "))
    return BusFacts(error="" if answer else "it closes the connection")
