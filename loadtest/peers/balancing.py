"""The cost of the balancer, compared with a HAProxy that only forwards to the same processes.

Per REST request, per socket in time and memory, per delivery. Only HAProxy's own CPU and memory
count; the forwarded traffic is the same.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from fleet.engines.binaries import haproxy_program
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found, cpu_seconds, pss_kb, wait_for_quiet
from loadtest.peers.people import SOCKET_OPTIONS, People
from loadtest.peers.process import LOOPBACK, Process, free_port
from loadtest.peers.sending import TEXT_BYTES, WARM_SECONDS
from loadtest.peers.sockets import Posts, Sockets

SOCKETS: Final = 4_000  # each MiB of a huge page is then 0.5 kB per socket
SOCKETS_A_USER: Final = 20
CHAT_MEMBERS: Final = 10
REQUESTS_IN_FLIGHT: Final = 32
REQUEST_TURNS: Final = 4
POSTS_A_SECOND: Final = 50  # each to 200 sockets
SETTLE_SECONDS: Final = 2.0
START_SECONDS: Final = 5.0

_BARE_DEFAULTS: Final = """
global
    maxconn 5000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
"""
_FLOOR: Final = """
frontend public
    bind {loopback}:{port}
    default_backend floor
backend floor
    server floor unix@{socket}
"""
_BARE: Final = """
frontend public
    bind {loopback}:{port}
    use_backend realtime if {{ path /ws }}
    default_backend edge
backend edge
{edge}
backend realtime
{realtime}
"""


def describe_floor(port: int, socket: str) -> str:
    """The configuration of a bare HAProxy on that port in front of a floor's Unix socket, in its
    own folder."""
    return _BARE_DEFAULTS + _FLOOR.format(loopback=LOOPBACK, port=port, socket=socket)


class Proxy(NamedTuple):
    """A HAProxy, by the port that it listens on and its process."""

    port: int
    pid: int


@contextmanager
def bare_haproxy(hubbub: Hubbub) -> Iterator[Proxy]:
    """One in front of the same edge and realtime processes, over the same Unix sockets, with
    defaults.

    In front of one of two edges it would take a fifth less a request: it wakes up less often.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(
            _BARE_DEFAULTS
            + _BARE.format(
                loopback=LOOPBACK,
                port=port,
                edge=_server_lines(hubbub, "edge"),
                realtime=_server_lines(hubbub, "realtime"),
            )
        )
        # The sockets are named as from the fleet's folder: whole paths may be too long.
        process = Process([haproxy_program(), "-db", "-f", file], None, cwd=hubbub.data / "run")
        try:
            time.sleep(1.0)
            process.check()
            yield Proxy(port, process.pid)
        finally:
            process.stop(START_SECONDS)


def _server_lines(hubbub: Hubbub, role: str) -> str:
    names = [f"{p.role}-{p.number}" for p in hubbub.state().processes if p.role == role]
    return "\n".join(f"    server {name} unix@{name}.sock" for name in names)


def own_balancer(hubbub: Hubbub) -> Proxy:
    """The fleet's own."""
    found = next(p for p in hubbub.state().processes if p.role == "balancer")
    return Proxy(hubbub.port, found.pid)


class Balancing:
    """People in chats of ten, twenty sockets each; measured through either proxy."""

    def __init__(self, hubbub: Hubbub, seconds: float, patience: float) -> None:
        people = People(hubbub.port)
        crowd = people.sign_up(SOCKETS // SOCKETS_A_USER)
        groups = [crowd[i : i + CHAT_MEMBERS] for i in range(0, len(crowd), CHAT_MEMBERS)]
        chats = people.make_chats(groups)
        self._plan = [person.socket() for _ in range(SOCKETS_A_USER) for person in crowd]
        self._targets = [
            (f"/api/chat/{chat}/message", person.token)
            for chat, group in zip(chats, groups, strict=True)
            for person in group
        ]
        self._edge = hubbub.ports("edge")[0]
        self._seconds, self._patience = seconds, patience

    def measure_memory(self, proxy: Proxy) -> Found:
        """kB that each socket of the second half adds; the first needs buffers for handshakes.

        A proxy that has had more sockets before has their memory still, and shows none.
        """
        half = len(self._plan) // 2
        with self._sockets(proxy, self._plan[:half]):
            before = pss_kb(proxy.pid)
            with self._sockets(proxy, self._plan[half:]) as sockets:
                kb = (pss_kb(proxy.pid) - before) / max(1, sockets.ready["conns"])
        return {"kb": kb, "failed": sockets.ready["failed"]}

    def measure(self, proxies: Mapping[str, Proxy]) -> dict[str, Found]:
        """By name: µs of the proxy's CPU a request, a connect and a delivery."""
        wait_for_quiet(self._patience)
        requests = self._measure_requests(proxies)
        return {
            name: {"request_us": requests[name], **self._measure_sockets(proxy)}
            for name, proxy in proxies.items()
        }

    def _measure_requests(self, proxies: Mapping[str, Proxy]) -> dict[str, float]:
        """In short turns, since other load on the machine changes every second."""
        cpu, answered = dict.fromkeys(proxies, 0.0), dict.fromkeys(proxies, 0.0)
        for turn in range(REQUEST_TURNS):
            for name in list(proxies)[:: -1 if turn % 2 else 1]:
                seconds, answers = self._spend_on_requests(proxies[name])
                cpu[name] += seconds
                answered[name] += answers
        return {name: cpu[name] / answered[name] * 1e6 for name in proxies}

    def _spend_on_requests(self, proxy: Proxy) -> tuple[float, float]:
        """CPU seconds, and the requests answered meanwhile."""
        posts = self._posts(proxy.port, "--connections", REQUESTS_IN_FLIGHT)
        try:
            posts.read()
            cpu = cpu_seconds(proxy.pid)
            time.sleep(self._seconds)
            cpu = cpu_seconds(proxy.pid) - cpu
            return cpu, posts.read()["acknowledged_per_s"] * self._seconds
        finally:
            posts.stop()

    def _measure_sockets(self, proxy: Proxy) -> Found:
        cpu = cpu_seconds(proxy.pid)
        with self._sockets(proxy, self._plan) as sockets:
            connect_us = (cpu_seconds(proxy.pid) - cpu) / max(1, sockets.ready["conns"]) * 1e6
            delivery_us = self._measure_deliveries(proxy, sockets)
        return {
            "connect_us": connect_us,
            "delivery_us": delivery_us,
            "failed": sockets.ready["failed"],
        }

    @contextmanager
    def _sockets(self, proxy: Proxy, plan: Sequence[str]) -> Iterator[Sockets]:
        """Joined and idle; another idle period follows."""
        sockets = Sockets([proxy.port], plan, SOCKET_OPTIONS, core=None, patience=60)
        try:
            time.sleep(SETTLE_SECONDS)
            yield sockets
        finally:
            sockets.stop()
            time.sleep(SETTLE_SECONDS)

    def _measure_deliveries(self, proxy: Proxy, sockets: Sockets) -> float:
        """Messages go directly to edge, so that the proxy carries only deliveries."""
        posts = self._posts(self._edge, "--connections", 8, "--rate", POSTS_A_SECOND)
        try:
            posts.read()
            sockets.tell("reset")
            cpu = cpu_seconds(proxy.pid)
            time.sleep(self._seconds)
            cpu = cpu_seconds(proxy.pid) - cpu
            deliveries: int = sockets.report()["deliveries"]
            return cpu / max(1, deliveries) * 1e6
        finally:
            posts.stop()

    def _posts(self, port: int, *options: object) -> Posts:
        return Posts(
            [port], self._targets,
            "--warm", WARM_SECONDS, "--seconds", self._seconds + 0.3, "--size", TEXT_BYTES,
            *options,
        )  # fmt: skip
