"""The processes of edge, realtime, files, users and chats: ports, environment, start."""

import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from common.calls.callers import CALLED
from fleet.data.keys import callers_path, read_or_make_secret, service_key_path, write_callers
from fleet.data.logs import log_path
from fleet.engines.balancer import PoolServer
from fleet.engines.programs import Engines
from fleet.processes.children import Process, spawn
from fleet.processes.forked import Template
from fleet.processes.ports import LOOPBACK, LocalSocket, ReservedPort
from fleet.processes.probe import Address, http_answer, http_status
from fleet.processes.supervised import START_TIMEOUT_SECONDS, Program
from fleet.settings import DATABASE_VARIABLES, PROJECT_FOLDER, FleetSettings

# Their ports are for clients, so health has its own.
PUBLIC_ROLES = ("edge", "realtime", "files")
FILES_PREFIXES = ("HUBBUB_FILES_", "AWS_")  # where the bytes are, and their credentials
CALLED_ROLES = ("users", "chats", "realtime")
# The first process of a new release applies its migrations before it answers. One that builds an
# index over all messages may take an hour; if killed earlier, it would start over each time.
MIGRATION_SECONDS = 3600.0
# Calls stay on loopback.
CALLS_TLS = {
    "HUBBUB_CALLS_CERTIFICATE",
    "HUBBUB_CALLS_KEY",
    "HUBBUB_CALLS_CA",
    "HUBBUB_METRICS_TLS",
}


class ServicePorts(NamedTuple):
    """Where a slot listens: for its callers, for health and metrics, and for the balancer, if the
    role is public."""

    main: ReservedPort
    health: ReservedPort
    local: LocalSocket | None


class Services:
    """Programs of services by role and number. A slot that is used again keeps its ports.

    `kept` are descriptors that stay open in every process.
    """

    def __init__(
        self,
        settings: FleetSettings,
        engines: Engines,
        kept: Sequence[int],
        template: Template,
    ) -> None:
        self._settings, self._kept, self._template = settings, kept, template
        self._shared = _shared_environment(settings, engines.urls)
        self._own = engines.own
        self._ports: dict[tuple[str, int], ServicePorts] = {}
        self._seeds: dict[str, str] = {}
        self._at_rest: dict[str, bool] = {}  # the last report of each process

    def are_at_rest(self, names: Iterable[str]) -> bool:
        """Whether none of these processes has had requests for a while."""
        return all(self._at_rest.get(name, False) for name in names)

    def want(self, role: str, replicas: int) -> None:
        """Callers started from now on know the slots up to this number."""
        for number in range(1, replicas + 1):
            if (role, number) not in self._ports:
                self._ports[role, number] = _reserve_ports(role, number, self._settings.run)
        if role in CALLED_ROLES:
            self._seeds[f"HUBBUB_{role.upper()}_SEEDS"] = ",".join(
                self._ports[role, number].health.address for number in range(1, replicas + 1)
            )

    def program(self, role: str, number: int) -> Program:
        """The program of a slot that was wanted before."""
        ports = self._ports[role, number]
        health = Address(LOOPBACK, ports.health.number)

        async def is_ready() -> bool:
            return await http_status(health, "/health/ready") == 200

        async def is_live() -> bool:
            # 503 while draining counts as an answer
            status, body = await http_answer(health, "/health/live")
            self._at_rest[f"{role}-{number}"] = b'"atRest":true' in body
            return status is not None

        def has_free_ports() -> bool:
            try:
                ports.main.bind().close()
                ports.health.bind().close()
            except OSError:
                return False
            return True

        return Program(
            role,
            number,
            ports.main.number,
            health.port,
            lambda: self._start(role, number, ports),
            is_ready,
            is_live,
            hurry_signal=signal.SIGINT if role == "files" else None,
            linger_seconds=self._settings.files_drain_seconds if role == "files" else 0.0,
            has_free_ports=has_free_ports,
            start_seconds=(
                MIGRATION_SECONDS if role in DATABASE_VARIABLES else START_TIMEOUT_SECONDS
            ),
        )

    def address(self, role: str, number: int) -> str:
        """Where a slot that was wanted before takes calls."""
        return self._ports[role, number].main.address

    def pool_server(self, role: str, number: int) -> PoolServer:
        """How the balancer reaches a slot of a public role."""
        ports = self._ports[role, number]
        assert ports.local is not None, "its role is public"
        # edge is checked on its public port; a realtime node's public port takes only sockets
        check = None if role == "edge" else ports.health.number
        return PoolServer(role, f"{role}-{number}", ports.local.name, check)

    def _start(self, role: str, number: int, ports: ServicePorts) -> Process:
        with ExitStack() as stack:  # closed here, so that a dead child refuses calls at once
            sockets = {"HUBBUB_LISTEN": stack.enter_context(ports.main.bind())}
            if ports.health is not ports.main:
                sockets["HUBBUB_METRICS_LISTEN"] = stack.enter_context(ports.health.bind())
            addresses = {v: "{}:{}".format(*s.getsockname()) for v, s in sockets.items()}
            if ports.local:
                sockets["HUBBUB_BALANCER_LISTEN"] = ports.local.listen()
            name = f"{role}-{number}"
            environment = {
                **service_environment(role, self._shared, self._own[role]),
                **_credentials(role, self._settings.keys),
                **self._seeds,
                "HUBBUB_NAME": name,
                "HUBBUB_LOG_FILE": str(log_path(self._settings.logs, name)),
                **addresses,
                **{f"{variable}_FD": str(s.fileno()) for variable, s in sockets.items()},
            }
            passed = [*self._kept, *(bound.fileno() for bound in sockets.values())]
            forked = self._template.fork(role, env=environment, pass_fds=passed)
            return forked or spawn(
                [sys.executable, "-m", role],
                env=environment,
                cwd=PROJECT_FOLDER,
                pass_fds=passed,
            )


def _reserve_ports(role: str, number: int, folder: Path) -> ServicePorts:
    """`folder` is the balancer's working directory."""
    main = ReservedPort()
    if role not in PUBLIC_ROLES:
        return ServicePorts(main, main, None)
    return ServicePorts(main, ReservedPort(), LocalSocket(folder, f"{role}-{number}.sock"))


def _shared_environment(settings: FleetSettings, urls: Mapping[str, str]) -> dict[str, str]:
    """The environment of every service; creates the keys on first use. `urls` are the engines'
    addresses."""
    environment = {
        **{name: value for name, value in settings.environment.items() if name not in CALLS_TLS},
        **urls,
        "HUBBUB_PORT": str(settings.port),
        "HUBBUB_DATA": str(settings.data),
        "HUBBUB_PUBLIC_URL": settings.public_url,
        "HUBBUB_ORIGINS": settings.origins,
        "HUBBUB_FILES_URL": settings.files_url,
        "HUBBUB_FILES_DRAIN_SECONDS": str(settings.files_drain_seconds),
    }
    write_callers(settings.keys)
    for variable, path in (
        ("HUBBUB_BALANCER_KEY_FILE", settings.keys / "balancer.key"),
        ("HUBBUB_LINK_KEY_FILE", settings.keys / "link.key"),
        ("HUBBUB_SIGNING_SECRET_FILE", settings.signing_secret),
    ):
        read_or_make_secret(path)
        environment[variable] = str(path)
    if settings.old_signing_keys.is_dir():
        environment["HUBBUB_SIGNING_KEYS"] = str(settings.old_signing_keys)
    return environment


def _credentials(role: str, keys: Path) -> dict[str, str]:
    """The credentials of a role, and those by which it recognises its callers."""
    environment = {"HUBBUB_SERVICE_KEY_FILE": str(service_key_path(keys, role))}
    if role in CALLED:
        environment["HUBBUB_CALLERS_FILE"] = str(callers_path(keys, role))
    return environment


def service_environment(
    role: str, shared: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """The shared environment without other roles' secrets, plus the role's `own`."""
    private = {owner: {variable} for owner, variable in DATABASE_VARIABLES.items()}
    private["users"] |= {"HUBBUB_SIGNING_KEYS", "HUBBUB_SIGNING_SECRET_FILE"}
    private["files"] = {name for name in shared if name.startswith(FILES_PREFIXES)}
    foreign = {name for owner, names in private.items() if owner != role for name in names}
    return {**{name: value for name, value in shared.items() if name not in foreign}, **own}
