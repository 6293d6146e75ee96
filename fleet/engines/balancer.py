"""HAProxy on one machine, and the servers in its pools.

The rules are in deploy/haproxy/haproxy.cfg. Servers are added, drained and removed through the
runtime API, so that open sockets never experience a reload.
"""

import asyncio
import os
import resource
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from fleet.data.folder import short_path
from fleet.engines.binaries import haproxy_program
from fleet.engines.certificate import FILE_NAME, BadCertificate, Certificate
from fleet.processes.children import spawn
from fleet.processes.ports import LOOPBACK, ReservedPort
from fleet.processes.probe import Address, http_status
from fleet.processes.supervised import Program
from fleet.settings import PROJECT_FOLDER, FleetSettings

CONFIGURATION = PROJECT_FOLDER / "deploy" / "haproxy" / "haproxy.cfg"
REFUSALS = CONFIGURATION.parent / "refusals"
# After a failed check, checks run four times as often. The fleet itself reports processes that
# drain or have ended.
SERVER_OPTIONS = "inter 2s fastinter 500ms downinter 500ms fall 2 rise 1 observe layer4"
POOLS = {
    "edge": f"{SERVER_OPTIONS} slowstart 2s",
    "realtime": SERVER_OPTIONS,
    "files": SERVER_OPTIONS,
}
SOCKET_NAME = "balancer.sock"
API_TIMEOUT_SECONDS = 2.0
MAX_COMMAND_BYTES = 23 * 1024  # of one command: it has to fit into one of HAProxy's buffers
MAX_CONNECTIONS = 100_000
MAX_THREADS = 64  # of HAProxy, in one group
SPARE_DESCRIPTORS = 500  # checks, the runtime API, pools of idle connections

# Its answers to commands that it did, or had no need to do; most answers are empty.
ADDED = ("New server registered.", "Already exists a server with the same name in backend.")
NOT_THERE = "No such server."
DELETED = ("Server deleted.", NOT_THERE)

Mode = Literal["ready", "awaited", "drain", "maint"]
"""`awaited`: it takes requests, which wait in its socket until it serves."""


class Refused(OSError):
    """HAProxy refused these commands, or did not answer; the text is about the first."""

    def __init__(self, text: str, commands: Sequence[str]) -> None:
        super().__init__(text)
        self._commands = commands

    def concerns(self, server: "PoolServer") -> bool:
        return any(server.path in command.split() for command in self._commands)


class PoolServer(NamedTuple):
    """A process in a pool. `socket` is in HAProxy's working directory; `/health/live` is answered
    on `check_port`, or on the socket too if that is None."""

    pool: str
    name: str
    socket: str
    check_port: int | None = None

    @property
    def path(self) -> str:
        return f"{self.pool}/{self.name}"

    @property
    def options(self) -> str:
        elsewhere = f" addr {LOOPBACK} port {self.check_port}" if self.check_port else ""
        return f"unix@{self.socket} check{elsewhere} {POOLS[self.pool]}"


class Front(NamedTuple):
    """The public side: trusted proxies, and the certificate that it serves."""

    trusted_proxies: Sequence[str] = ()
    proxy_protocol: bool = False
    certificate: Certificate | None = None


def front_of(settings: FleetSettings) -> Front:
    """The operator's settings for the balancer."""
    certificate = None
    if settings.tls_certificate:
        key = settings.tls_key or settings.tls_certificate
        certificate = Certificate(settings.tls_certificate.absolute(), key.absolute())
    return Front(settings.trusted_proxies, settings.proxy_protocol, certificate)


NO_FRONT: Final = Front()


class Balancer:
    """The servers that the pools should contain, and how to apply them to the running HAProxy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wanted: dict[PoolServer, Mode] = {}
        self._known: dict[PoolServer, Mode | None] = {}  # None: unknown whether HAProxy has it
        self._one_at_a_time = asyncio.Lock()
        self._metrics = ReservedPort()
        self._certificate: Certificate | None = None
        self._served: tuple[int, ...] = ()  # when the served certificate was written

    def program(
        self, *, listener: int, port: int, key: str, lock: int, front: Front = NO_FRONT
    ) -> Program:
        """`listener` is the public socket, which stays open while HAProxy restarts."""
        metrics = Address(LOOPBACK, self._metrics.number)
        self._certificate = front.certificate

        def start() -> subprocess.Popen[bytes]:
            threads, pools = self._write_files()
            if front.certificate:
                self._install(front.certificate)
            return spawn(
                [haproxy_program(), "-db", "-f", threads, "-f", CONFIGURATION, "-f", pools],
                env=_environment(listener, str(metrics), key, front),
                cwd=self._folder,
                pass_fds=[listener, lock],
            )

        async def answers() -> bool:
            return await http_status(metrics, "/") is not None

        return Program("balancer", 1, port, metrics.port, start, answers, answers)

    def _write_files(self) -> tuple[Path, Path]:
        """What a start needs to know beside the rules: the threads, and the pools."""
        threads, pools = self._folder / "threads.cfg", self._folder / "pools.cfg"
        threads.write_text(f"global\n    nbthread {max_threads()}\n")
        # Only servers that are ready: a server in the file counts as up until a check fails.
        serving = [server for server, mode in self._wanted.items() if mode == "ready"]
        self._known = dict.fromkeys(serving, "ready")
        pools.write_text(pools_text(serving))
        return threads, pools

    def close(self) -> None:
        """Releases its port."""
        self._metrics.close()

    async def set_servers(self, servers: Mapping[PoolServer, Mode]) -> None:
        """Make the pools contain these. Commands that do not reach HAProxy now have to be
        repeated."""
        self._wanted = dict(servers)
        async with self._one_at_a_time:
            known, wanted = self._known, dict(self._wanted)
            if not (commands := changes(known, wanted)):
                return
            said: dict[PoolServer, Mode | None] = {**wanted}
            try:
                check_answers(commands, await self._tell(";".join(commands)))
            except Refused as refused:
                # Such as the deletion of a server whose sessions were about to end.
                said |= dict.fromkeys(filter(refused.concerns, [*known, *wanted]))
            except OSError:  # or TimeoutError, which is one
                # It is down and knows nothing, or it did only a part. Repeating additions, settings
                # and deletions does no harm.
                said = dict.fromkeys([*known, *wanted])
            if self._known is known:  # else HAProxy was restarted meanwhile
                self._known = said

    def _install(self, certificate: Certificate) -> None:
        """What was served stays where the new one is not whole. Raises BadCertificate, OSError."""
        try:
            changed = certificate.changed_at()
            certificate.install(self._folder)
        except (BadCertificate, OSError):
            if not self._served:
                raise
        else:
            self._served = changed

    async def renew_certificate(self) -> None:
        """Serves the certificate now in the operator's files; open sockets stay open. Raises
        BadCertificate, OSError."""
        if self._certificate is None or self._certificate.changed_at() == self._served:
            return
        changed = self._certificate.changed_at()
        pem = await asyncio.to_thread(self._certificate.install, self._folder)
        if len(pem) > MAX_COMMAND_BYTES:
            raise BadCertificate(
                f"HAProxy does not take it while it runs: {len(pem):,} bytes are too many"
            )
        for command, done in (
            (f"set ssl cert {FILE_NAME} <<\n{pem.decode()}", "Transaction "),
            (f"commit ssl cert {FILE_NAME}", "Success!"),
        ):
            said = await self._tell(command)
            if done not in said:
                raise BadCertificate(f"HAProxy does not take it while it runs: {said.strip()}")
        self._served = changed

    async def _tell(self, commands: str) -> str:
        async with asyncio.timeout(API_TIMEOUT_SECONDS):
            with short_path(self._folder, SOCKET_NAME) as path:
                reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(commands.encode() + b"\n")
                return (await reader.read()).decode()
            finally:
                writer.close()


def _environment(listener: int, metrics: str, key: str, front: Front) -> dict[str, str]:
    """The variables that deploy/haproxy/haproxy.cfg uses."""
    bind = f"fd@{listener}"
    if front.certificate:
        # Only HTTP/1.1: the limits on headers and slow readers are tested with it.
        bind += f" ssl crt {FILE_NAME} alpn http/1.1"
    return {
        "PATH": os.environ.get("PATH", ""),
        # Its buffers span many pages, and address translation takes time: huge pages are faster
        # (docs/decisions/balancer.md).
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "HUBBUB_BALANCER_BIND": bind,
        "HUBBUB_BALANCER_TRUSTED": " ".join(front.trusted_proxies),
        "HUBBUB_BALANCER_PROXY": "on" if front.proxy_protocol else "off",
        "HUBBUB_BALANCER_METRICS": metrics,
        # Relative, since a path may have at most 107 bytes; the folder is its working directory.
        "HUBBUB_BALANCER_ADMIN": f"unix@{SOCKET_NAME}",
        "HUBBUB_BALANCER_MAXCONN": str(max_connections()),
        "HUBBUB_BALANCER_KEY": key,
        "HUBBUB_BALANCER_REFUSALS": str(REFUSALS),
    }


def pools_text(servers: Collection[PoolServer]) -> str:
    """The file next to deploy/haproxy/haproxy.cfg: the pools with the current servers."""
    lines = []
    for pool in POOLS:
        lines.append(f"backend {pool} from {pool}_pool")
        lines += [f"    server {s.name} {s.options}" for s in servers if s.pool == pool]
    return "\n".join(lines) + "\n"


def changes(
    known: Mapping[PoolServer, Mode | None], wanted: Mapping[PoolServer, Mode]
) -> list[str]:
    """The runtime API commands that lead from the current state to the wanted one.

    https://docs.haproxy.org/2.8/management.html#9.3
    """
    commands = []
    for server in known.keys() - wanted.keys():
        commands += [
            f"set server {server.path} state maint",
            f"shutdown sessions server {server.path}",
            f"del server {server.path}",
        ]
    for server, mode in wanted.items():
        before = known.get(server)
        if before is None:
            commands += [
                f"add server {server.path} {server.options}",
                f"enable health {server.path}",
            ]
        if before == mode:
            continue
        if mode == "awaited":  # without a check it counts as up
            commands += [f"disable health {server.path}", f"set server {server.path} state ready"]
            continue
        if before == "awaited":
            commands.append(f"enable health {server.path}")
        commands.append(f"set server {server.path} state {mode}")
    return commands


def check_answers(commands: Sequence[str], said: str) -> None:
    """Each answer ends with an empty line. Raises Refused if answers say that their commands
    failed, or are missing because HAProxy died meanwhile."""
    answers: list[str] = []
    lines: list[str] = []
    for line in said.splitlines():
        if line:
            lines.append(line)
        else:
            answers.append(" ".join(lines))
            lines.clear()
    if len(answers) < len(commands):
        raise Refused(f"HAProxy did not answer: {commands[len(answers)]}", commands)
    refused = {
        command: answer
        for command, answer in zip(commands, answers, strict=False)
        if not _is_done(command, answer)
    }
    if refused:
        command, answer = next(iter(refused.items()))
        raise Refused(f"{answer} ({command})", list(refused))


def _is_done(command: str, answer: str) -> bool:
    if command.startswith("add "):
        return answer in ADDED
    if command.startswith("del "):
        return answer in DELETED
    # A missing server takes no requests and has no sessions.
    takes_nothing = command.endswith(" maint") or command.startswith("shutdown ")
    return not answer or (takes_nothing and answer == NOT_THERE)


def max_connections() -> int:
    """The maximum under the descriptor limit: HAProxy does not start with more."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(100, min(MAX_CONNECTIONS, (soft - SPARE_DESCRIPTORS) // 2))


def max_threads() -> int:
    """Half of the cores: on one machine the others process what it forwards, and two threads that
    pass connections to each other cost more per request than one."""
    return max(1, min(MAX_THREADS, len(os.sched_getaffinity(0)) // 2))
