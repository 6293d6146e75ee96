"""HAProxy on one machine, and the servers in its pools.

The rules are in deploy/haproxy/haproxy.cfg. Servers are put in, drained and taken out through the
runtime API, so that no open socket ever sees a reload.
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
from fleet.processes.probe import http_status
from fleet.processes.supervised import Program
from fleet.settings import PROJECT_FOLDER

CONFIGURATION = PROJECT_FOLDER / "deploy" / "haproxy" / "haproxy.cfg"
REFUSALS = CONFIGURATION.parent / "refusals"
# Once a check has failed, the next ones come four times as often. What drains or has ended the
# fleet says itself.
SERVER_OPTIONS = "inter 2s fastinter 500ms downinter 500ms fall 2 rise 1 observe layer4"
POOLS = {
    "edge": f"{SERVER_OPTIONS} slowstart 2s",
    "realtime": SERVER_OPTIONS,
    "files": SERVER_OPTIONS,
}
SOCKET_NAME = "balancer.sock"
API_TIMEOUT_SECONDS = 2.0
MAX_CONNECTIONS = 100_000
MAX_THREADS = 64  # of HAProxy, in one group
SPARE_DESCRIPTORS = 500  # checks, the runtime API, pools of idle connections

# What it answers to what it did, or has no need to do; most is answered by nothing.
ADDED = ("New server registered.", "Already exists a server with the same name in backend.")
NOT_THERE = "No such server."
DELETED = ("Server deleted.", NOT_THERE)

Mode = Literal["ready", "awaited", "drain", "maint"]
"""`awaited`: it takes requests, which wait in its socket until it serves."""


class Refused(OSError):
    """HAProxy did not do what it was told; the text is what it said."""


class PoolServer(NamedTuple):
    """A process in a pool. `socket` is in HAProxy's working directory; what answers `/health/live`
    is on `check_port`, or where that is None on the socket as well."""

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
    """What stands before it: proxies that are believed, and the certificate that it serves."""

    trusted_proxies: Sequence[str] = ()
    proxy_protocol: bool = False
    certificate: Certificate | None = None


NO_FRONT: Final = Front()


class Balancer:
    """The servers that the pools should hold, and how to bring them into the running HAProxy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wanted: dict[PoolServer, Mode] = {}
        self._known: dict[PoolServer, Mode | None] = {}  # None: nobody knows whether it is there
        self._one_at_a_time = asyncio.Lock()
        self._metrics = ReservedPort()
        self._certificate: Certificate | None = None
        self._served: tuple[int, ...] = ()  # when what is served was written

    def program(
        self, *, listener: int, port: int, key: str, lock: int, front: Front = NO_FRONT
    ) -> Program:
        """`listener` is the public socket, which stays open while HAProxy is started again."""
        metrics = self._metrics
        self._certificate = front.certificate

        def start() -> subprocess.Popen[bytes]:
            pools = self._folder / "pools.cfg"
            # Only what serves already: a server in the file counts as up until a check fails.
            serving = [server for server, mode in self._wanted.items() if mode == "ready"]
            self._known = dict.fromkeys(serving, "ready")
            pools.write_text(pools_text(serving))
            bind = f"fd@{listener}"
            if front.certificate:
                self._served = front.certificate.changed_at()
                front.certificate.install(self._folder)
                # HTTP/1.1 alone: the limits on headers and slow readers are tested with it.
                bind += f" ssl crt {FILE_NAME} alpn http/1.1"
            threads = self._folder / "threads.cfg"
            threads.write_text(f"global\n    nbthread {max_threads()}\n")
            return spawn(
                [haproxy_program(), "-db", "-f", threads, "-f", CONFIGURATION, "-f", pools],
                env={
                    "PATH": os.environ.get("PATH", ""),
                    # Its buffers are spread over many pages, and address translation takes time:
                    # large pages are quicker (docs/decisions/balancer.md).
                    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
                    "HUBBUB_BALANCER_BIND": bind,
                    "HUBBUB_BALANCER_TRUSTED": " ".join(front.trusted_proxies),
                    "HUBBUB_BALANCER_PROXY": "on" if front.proxy_protocol else "",
                    "HUBBUB_BALANCER_METRICS": metrics.address,
                    # Relative, for a path may have 107 bytes; the folder is its working directory.
                    "HUBBUB_BALANCER_ADMIN": f"unix@{SOCKET_NAME}",
                    "HUBBUB_BALANCER_MAXCONN": str(max_connections()),
                    "HUBBUB_BALANCER_KEY": key,
                    "HUBBUB_BALANCER_REFUSALS": str(REFUSALS),
                },
                cwd=self._folder,
                pass_fds=[listener, lock],
            )

        async def answers() -> bool:
            return await http_status(metrics.number, "/") is not None

        return Program("balancer", 1, port, metrics.number, start, answers, answers)

    def close(self) -> None:
        """Gives its port back."""
        self._metrics.close()

    async def set_servers(self, servers: Mapping[PoolServer, Mode]) -> None:
        """Make the pools hold these. What HAProxy does not hear now has to be said again."""
        self._wanted = dict(servers)
        async with self._one_at_a_time:
            known, wanted = self._known, dict(self._wanted)
            if not (commands := changes(known, wanted)):
                return
            said: dict[PoolServer, Mode | None] = {**wanted}
            try:
                check_answers(commands, await self._tell(";".join(commands)))
            except OSError:  # or TimeoutError, which is one
                # It is down and knows nothing, or it did a part of it, such as all but the deletion
                # of a server whose sessions were about to end. Adding what is there, setting what
                # is set and deleting what is gone do no harm.
                said = dict.fromkeys([*known, *wanted])
            if self._known is known:  # else another HAProxy was started meanwhile
                self._known = said

    async def renew_certificate(self) -> None:
        """Serves what the operator's files hold now; open sockets stay. Raises BadCertificate,
        OSError."""
        if self._certificate is None or self._certificate.changed_at() == self._served:
            return
        changed = self._certificate.changed_at()
        pem = await asyncio.to_thread(self._certificate.install, self._folder)
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


def pools_text(servers: Collection[PoolServer]) -> str:
    """The file beside deploy/haproxy/haproxy.cfg: the pools with the servers that are there now."""
    lines = []
    for pool in POOLS:
        lines.append(f"backend {pool} from {pool}_pool")
        lines += [f"    server {s.name} {s.options}" for s in servers if s.pool == pool]
    return "\n".join(lines) + "\n"


def changes(
    known: Mapping[PoolServer, Mode | None], wanted: Mapping[PoolServer, Mode]
) -> list[str]:
    """The commands of the runtime API that lead from what it has to what it should have.

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
        if mode == "awaited":  # unchecked it counts as up
            commands += [f"disable health {server.path}", f"set server {server.path} state ready"]
            continue
        if before == "awaited":
            commands.append(f"enable health {server.path}")
        commands.append(f"set server {server.path} state {mode}")
    return commands


def check_answers(commands: Sequence[str], said: str) -> None:
    """Each answer ends with an empty line. Raises Refused where one says that its command was not
    done, or is missing, as from a HAProxy that died meanwhile."""
    answers: list[str] = []
    lines: list[str] = []
    for line in said.splitlines():
        if line:
            lines.append(line)
        else:
            answers.append(" ".join(lines))
            lines.clear()
    if len(answers) < len(commands):
        raise Refused(f"HAProxy did not answer: {commands[len(answers)]}")
    for command, answer in zip(commands, answers, strict=False):
        if not _is_done(command, answer):
            raise Refused(f"{answer} ({command})")


def _is_done(command: str, answer: str) -> bool:
    if command.startswith("add "):
        return answer in ADDED
    if command.startswith("del "):
        return answer in DELETED
    # What is not there takes nothing and has no sessions.
    takes_nothing = command.endswith(" maint") or command.startswith("shutdown ")
    return not answer or (takes_nothing and answer == NOT_THERE)


def max_connections() -> int:
    """What the limit of descriptors allows: HAProxy does not start with more."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(100, min(MAX_CONNECTIONS, (soft - SPARE_DESCRIPTORS) // 2))


def max_threads() -> int:
    """Half of the cores: on one machine the others process what it passes on, and two threads that
    hand connections to each other cost more for each request than one."""
    return max(1, min(MAX_THREADS, len(os.sched_getaffinity(0)) // 2))
