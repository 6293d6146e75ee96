"""Collects the doctor's facts in a container: next to those of docker-compose.yml, or in a pod next
to those of deploy/kubernetes."""

import asyncio
import os
import platform
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fleet.data.state import FleetState
from fleet.entrance import ShownCertificate, ask_entrance, read_certificate
from fleet.processes.probe import Address
from fleet.settings import DATABASE_VARIABLES, FleetSettings
from ops.containers import VOLUMES
from ops.doctor.collecting import collect_processes
from ops.doctor.queries import ask_database
from ops.doctor.scene import BusFacts, Scene
from ops.kubernetes import Account, read_pods
from ops.passwords import database_url, with_password
from ops.watch import PUBLIC_TLS, ask_watcher

BALANCER: Final = Address("haproxy", 8080)
BUS: Final = Address("valkey", 6379)
TIMEOUT_SECONDS: Final = 5.0
PLENTY: Final = 2**30  # if only the containers themselves know


class Neighbours(NamedTuple):
    """What to ask, and where; `public_tls` is where a certificate may be shown, `namespace` that of
    pods."""

    state: FleetState
    balancers: Sequence[Address]
    databases: Mapping[str, str]
    buses: Sequence[Address]
    public_tls: Address | None = None
    namespace: str = ""


async def collect_containers(settings: FleetSettings) -> Scene:
    """Takes a few seconds where something hangs."""
    databases = {role: database_url(role) for role in DATABASE_VARIABLES}
    state = await ask_watcher(settings)
    return await _collect(settings, Neighbours(state, [BALANCER], databases, [BUS], PUBLIC_TLS))


async def collect_pods(settings: FleetSettings, account: Account) -> Scene:
    """The same. Raises ApiRefused, OSError."""
    state = await read_pods(account)
    there = [p for p in state.processes if p.host]  # others are not scheduled yet
    balancers = [Address(p.host, p.port) for p in there if p.role == "balancer"]
    databases = {
        role: with_password(settings.external[variable], role, account.secrets)
        for role, variable in DATABASE_VARIABLES.items()
    }
    buses = [Address(p.host, p.port) for p in there if p.role == "valkey"]
    return await _collect(
        settings, Neighbours(state, balancers, databases, buses, namespace=account.namespace)
    )


async def _collect(settings: FleetSettings, there: Neighbours) -> Scene:
    system_ready, certificate, processes, databases, bus = await asyncio.gather(
        _ask_balancers(there.balancers, settings),
        _ask_certificate(there.public_tls, settings),
        collect_processes(there.state),
        asyncio.gather(*(ask_database(role, url) for role, url in there.databases.items())),
        _ask_buses(there.buses),
    )
    disk = os.statvfs(VOLUMES)
    return Scene(
        settings=settings,
        now=time.time(),
        state=there.state,
        port_is_taken=True,
        system_ready=system_ready,
        certificate=certificate,
        programs={"python": platform.python_version()},
        packages={},
        max_descriptors=PLENTY,
        free_bytes=disk.f_bavail * disk.f_frsize,
        free_files=disk.f_favail if disk.f_files else -1,
        open_secrets=(),
        processes=processes,
        databases=dict(zip(there.databases, databases, strict=True)),
        bus=bus,
        in_containers=True,
        namespace=there.namespace,
    )


async def _ask_balancers(addresses: Sequence[Address], settings: FleetSettings) -> int | None:
    """The best of their answers."""
    said = await asyncio.gather(*(ask_entrance(a, settings, tls=False) for a in addresses))
    # With TLS it redirects everybody to https.
    statuses = (entrance.status for entrance in said)
    return min((200 if status == 308 else status for status in statuses if status), default=None)


async def _ask_certificate(
    address: Address | None, settings: FleetSettings
) -> ShownCertificate | None:
    return await read_certificate(address, settings) if address else None


async def _ask_buses(addresses: Sequence[Address]) -> BusFacts:
    """Whether they answer at all: only the services may log in."""
    errors = await asyncio.gather(*map(_ask_bus, addresses))
    if not errors:
        return BusFacts(error="there is no pod of it")
    if all(errors):
        return BusFacts(error=errors[0])
    return BusFacts(silent=tuple(str(a) for a, e in zip(addresses, errors, strict=True) if e))


async def _ask_bus(address: Address) -> str:
    """What is wrong with it; empty if it answers."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(b"PING\r\n")
                answer = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    return "" if answer else "it closes the connection"
