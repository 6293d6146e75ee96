"""The containers of docker-compose.yml as Docker's DNS lists them, seen from another container.

A service's name has an address for each of its containers; the name of an address is that of its
container, PROJECT-SERVICE-NUMBER, which stays the same when it restarts.
"""

import asyncio
import re
import socket
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from fleet.data.state import Death, FleetState, ProcessState, State, WantedState
from fleet.processes.probe import Address, http_body, http_status, metrics_path
from fleet.scaling.containers import METRICS_PORTS
from fleet.settings import SERVICE_ROLES, FleetSettings
from ops.starts import engine_start

ENGINES: Final = {
    "haproxy": ("balancer", 9101),
    "users-database": ("postgres", 5432),
    "chats-database": ("postgres", 5432),
    "valkey": ("valkey", 6379),
    "cache-1": ("cache", 6379),
    "cache-2": ("cache", 6379),
    "cache-3": ("cache", 6379),
}
"""What runs once a service, by service: its role here, and the port that answers."""

VOLUMES: Final = "/"  # on the disk where volumes are too, unless the operator moved them
CONNECT_TIMEOUT_SECONDS: Final = 2.0
_START: Final = "process_start_time_seconds"
_NUMBER: Final = re.compile(r"-(\d+)(\.|$)")


class Container(NamedTuple):
    service: str
    role: str
    number: int
    address: Address


async def find_containers() -> list[Container]:
    """The running containers, whether they serve or not."""
    services = [(role, role, METRICS_PORTS[role]) for role in SERVICE_ROLES]
    services += [(service, role, port) for service, (role, port) in ENGINES.items()]
    found = await asyncio.gather(*(_resolve(*service) for service in services))
    return [container for containers in found for container in containers]


async def _resolve(service: str, role: str, port: int) -> list[Container]:
    loop = asyncio.get_running_loop()
    try:
        answers = await loop.getaddrinfo(service, port, type=socket.SOCK_STREAM)
    except OSError:  # no container of this service runs
        return []
    hosts = sorted({str(answer[4][0]) for answer in answers})
    names = await asyncio.gather(*(asyncio.to_thread(_name_of, host) for host in hosts))
    return [
        Container(service, role, number_of(service, name, host), Address(host, port))
        for host, name in zip(hosts, names, strict=True)
    ]


def _name_of(host: str) -> str:
    try:
        return socket.gethostbyaddr(host)[0]
    except OSError:
        return ""


def number_of(service: str, name: str, host: str) -> int:
    """The number of the container within its role."""
    if service in ENGINES:
        same = [other for other, (role, _) in ENGINES.items() if role == ENGINES[service][0]]
        return same.index(service) + 1
    found = _NUMBER.search(name)
    return int(found[1] if found else host.rpartition(".")[2])


async def read_containers(settings: FleetSettings, deaths: dict[str, list[Death]]) -> FleetState:
    """In the form of fleet.json; `deaths` are those seen so far."""
    containers = await find_containers()
    processes = await asyncio.gather(*(_ask(container) for container in containers))
    return FleetState(0, processes, wanted_of(settings), deaths=dict(deaths))


def wanted_of(settings: FleetSettings) -> dict[str, WantedState]:
    """The configured number of replicas of each service."""
    return {
        role: WantedState(replicas.minimum, replicas.minimum, replicas.maximum)
        for role, replicas in settings.replicas.items()
    }


def count_engines(settings: FleetSettings) -> dict[str, int]:
    """The wanted numbers, by role; deploy/small.yml has one cache."""
    roles = [role for role, _ in ENGINES.values()]
    usual = {role: roles.count(role) for role in roles}
    return {**usual, "cache": 1} if settings.size == "small" else usual


async def _ask(container: Container) -> ProcessState:
    service, role, number, address = container
    state = await _state(container)
    if role in SERVICE_ROLES:
        body = await http_body(address, metrics_path([_START]))
        started = start_of((body or b"").decode())
    else:
        started = await engine_start(service, role, address)
    return ProcessState(
        role=role,
        number=number,
        pid=0,
        port=address.port,
        metrics=None if role in ("postgres", "valkey", "cache") else address.port,
        started=started,
        state=state,
        host=address.host,
    )


def start_of(metrics: str) -> float:
    """In Unix seconds, 0 if it does not report it."""
    families = text_string_to_metric_families(metrics)
    samples = (sample for family in families for sample in family.samples)
    return next((sample.value for sample in samples if sample.name == _START), 0.0)


async def _state(container: Container) -> State:
    address = container.address
    if container.role not in SERVICE_ROLES:
        return "ready" if await _connects(address) else "starting"
    live = await http_status(address, "/health/live")
    if live == 503:
        return "draining"
    ready = await http_status(address, "/health/ready")
    return "ready" if ready == 200 else "starting"


async def _connects(address: Address) -> bool:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(*address)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
