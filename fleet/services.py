"""How a process of edge, realtime, users or chats is started: its environment and its ports."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fleet.children import spawn
from fleet.keys import read_or_make_secret
from fleet.logs import open_log
from fleet.ports import LocalSocket, ReservedPort
from fleet.probe import http_status
from fleet.processes import Program
from fleet.settings import DATABASE_VARIABLES, FleetSettings

PROJECT_FOLDER = Path(__file__).parent.parent
PUBLIC_ROLES = ("edge", "realtime")  # their ports are for clients, so health has one of its own


class ServicePorts(NamedTuple):
    """Where a slot listens: for its callers, for health and metrics, and for the balancer, if it
    comes to that role."""

    main: ReservedPort
    health: ReservedPort
    local: LocalSocket | None


def reserve_ports(role: str, number: int, folder: Path) -> ServicePorts:
    """`folder` is where the balancer works."""
    main = ReservedPort()
    if role not in PUBLIC_ROLES:
        return ServicePorts(main, main, None)
    return ServicePorts(main, ReservedPort(), LocalSocket(folder, f"{role}-{number}.sock"))


def shared_environment(settings: FleetSettings, urls: Mapping[str, str]) -> dict[str, str]:
    """What every service gets; makes the keys on first use. `urls` are the engines' addresses."""
    environment = {
        **settings.environment,
        **urls,
        "HUBBUB_PORT": str(settings.port),
        "HUBBUB_DATA": str(settings.data),
        "HUBBUB_PUBLIC_URL": settings.public_url,
        "HUBBUB_ORIGINS": settings.origins,
        "HUBBUB_SIGNING_KEYS": str(settings.keys / "signing"),
    }
    for variable, name in (
        ("HUBBUB_SERVICE_KEY_FILE", "service.key"),
        ("HUBBUB_BALANCER_KEY_FILE", "balancer.key"),
    ):
        read_or_make_secret(settings.keys / name)
        environment[variable] = str(settings.keys / name)
    return environment


def service_environment(
    role: str, shared: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """The shared environment without what only other roles may know, and what is `own`."""
    private = {owner: {variable} for owner, variable in DATABASE_VARIABLES.items()}
    private["users"].add("HUBBUB_SIGNING_KEYS")
    foreign = {name for owner, names in private.items() if owner != role for name in names}
    return {**{name: value for name, value in shared.items() if name not in foreign}, **own}


def service_program(
    role: str,
    number: int,
    ports: ServicePorts,
    *,
    environment: Callable[[], Mapping[str, str]],
    logs: Path,
    inherited: Sequence[int],
) -> Program:
    """`environment` is asked at each start, for the seeds change. It keeps open what is
    `inherited`."""

    def start() -> subprocess.Popen[bytes]:
        sockets = {"HUBBUB_LISTEN": ports.main.bind()}
        if ports.health is not ports.main:
            sockets["HUBBUB_METRICS_LISTEN"] = ports.health.bind()
        addresses = {name: "{}:{}".format(*bound.getsockname()) for name, bound in sockets.items()}
        if ports.local:
            sockets["HUBBUB_BALANCER_LISTEN"] = ports.local.bind()
        own = {
            "HUBBUB_NAME": f"{role}-{number}",
            **addresses,
            **{f"{name}_FD": str(bound.fileno()) for name, bound in sockets.items()},
        }
        try:
            with open_log(logs, f"{role}-{number}") as output:
                return spawn(
                    [sys.executable, "-m", role],
                    env={**environment(), **own},
                    cwd=PROJECT_FOLDER,
                    output=output,
                    errors=subprocess.PIPE,  # a traceback, which the log file gets as JSON
                    pass_fds=[*inherited, *(bound.fileno() for bound in sockets.values())],
                )
        finally:
            for bound in sockets.values():
                bound.close()  # so that a dead child refuses at once

    async def is_ready() -> bool:
        return await http_status(ports.health.number, "/health/ready") == 200

    async def is_live() -> bool:
        # 503 while draining is an answer too
        return await http_status(ports.health.number, "/health/live") is not None

    return Program(role, number, ports.main.number, ports.health.number, start, is_ready, is_live)
