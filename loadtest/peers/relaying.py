"""The fan-out cases: events published straight to Valkey, relayed by one server to its sockets.

The same for every server, Hubbub among them; only the envelope on the bus and the way to join
differ.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from common.valkey.topics import Topics
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import (
    Found,
    cpu_seconds,
    machine_busy_seconds,
    pss_kb,
    undisturbed,
    wait_for_quiet,
)
from loadtest.peers.people import SOCKET_OPTIONS, People
from loadtest.peers.process import Process
from loadtest.peers.servers import PEERS, start_peer
from loadtest.peers.sockets import Sockets, start_publisher


@dataclass(frozen=True)
class Case:
    """`rate` messages a second, `burst` of them at the same moment; or as fast as it goes with
    `in_flight` messages that have not arrived everywhere. `size` is an event's, in bytes."""

    rooms: int
    members: int
    rate: float
    burst: int
    in_flight: int
    title: str
    size: int = 210


CASES: Final = {
    "F1": Case(1, 1000, 50, 1, 4, "1 chat x 1,000 sockets, 50/s one by one; 4 in flight"),
    "F2": Case(1, 1000, 200, 20, 40, "1 x 1,000, 10 bursts of 20 a second; 40 in flight"),
    "F3": Case(1000, 2, 2000, 1, 1000, "1,000 x 2, 2,000/s; 1,000 in flight"),
    "F4": Case(100, 10, 1000, 1, 400, "100 x 10, 1,000/s; 400 in flight"),
    "F5": Case(10, 100, 200, 1, 40, "10 x 100, 200/s; 40 in flight"),
}
WARM_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Bus:
    """The Valkey that all servers share."""

    port: int
    pid: int


@dataclass
class Pace:
    """How long and how patiently each measurement is made, and how long the load runs before."""

    seconds: float
    patience: float
    tries: int
    warm: float = WARM_SECONDS


class Run:
    """One server with the sockets of one case; ends with `stop`."""

    def __init__(
        self,
        case: Case,
        bus: Bus,
        ports: Sequence[int],
        plan: Sequence[str],
        options: Sequence[object],
        server_cpu: Callable[[], float],
        envelope: str,
        publish: Sequence[object],
    ) -> None:
        self._case, self._bus = case, bus
        self._server_cpu, self._envelope, self._publish = server_cpu, envelope, publish
        self._published = 0
        self._window = tempfile.NamedTemporaryFile(prefix="bench-window-")  # noqa: SIM115 - closed by stop
        self._sockets = Sockets(ports, plan, options, shm=self._window.name)

    def fixed(self, pace: Pace) -> Found:
        return self.at(self._case.rate, pace)

    def at(self, rate: float, pace: Pace) -> Found:
        """In open loop at another rate than the case's."""
        options = ("--rate", rate, "--burst", self._case.burst)
        return undisturbed(pace.tries, lambda: self._measure(pace, options))

    def fast(self, pace: Pace) -> Found:
        return undisturbed(pace.tries, lambda: self._measure(pace, self._as_fast_as_it_goes))

    @property
    def _as_fast_as_it_goes(self) -> Sequence[object]:
        return (
            "--window", self._case.in_flight, "--fanout", self._case.members,
            "--shm", self._window.name,
        )  # fmt: skip

    @contextmanager
    def flat_out(self, seconds: float) -> Iterator[Callable[[], float]]:
        """At most so long, while the block runs; how much has been delivered in all."""
        publisher = self._start_publisher(seconds, self._as_fast_as_it_goes)
        try:
            yield lambda: float(self._sockets.report()["total"])
        finally:
            publisher.stop()

    def stop(self) -> None:
        self._sockets.stop()
        self._window.close()

    def _start_publisher(self, seconds: float, options: Sequence[object]) -> Process:
        return start_publisher(
            self._bus.port, self._envelope, self._case.size,
            "--seconds", seconds, "--from", self._published, *self._publish, *options,
        )  # fmt: skip

    def _measure(self, pace: Pace, options: Sequence[object]) -> Found:
        sockets = self._sockets
        sockets.drain()
        wait_for_quiet(pace.patience)
        sockets.tell("reset")
        publisher = self._start_publisher(pace.warm + pace.seconds + 0.3, options)
        clients = (sockets.process.pid, publisher.pid, self._bus.pid)
        try:
            time.sleep(pace.warm)
            sockets.tell("reset")
            since, busy = time.monotonic(), machine_busy_seconds()
            server, client = self._server_cpu(), sum(map(cpu_seconds, clients))
            time.sleep(pace.seconds)
            server = self._server_cpu() - server
            client = sum(map(cpu_seconds, clients)) - client
            took, busy = time.monotonic() - since, machine_busy_seconds() - busy
            seen = sockets.report()
            said = json.loads(publisher.output.read() or "{}")
            if not seen["deliveries"]:
                raise RuntimeError(f"nothing arrived; the publisher says: {publisher.errors()}")
        finally:
            publisher.stop()
        self._published += int(said.get("published", 0))
        deliveries = max(1, seen["deliveries"])
        return {
            "us": server / deliveries * 1e6,
            "deliveries_per_s": seen["deliveries"] / took,
            "per_core_s": deliveries / max(server, 1e-9),
            "per_frame": deliveries / max(1, seen["frames"]),
            "server_core": server / took,
            "client_core": client / took,
            "others_cores": max(0.0, (busy - server - client) / took),
            "publisher_late_ms": said.get("latest_ms"),
            "stalled": said.get("stalled"),
            **{
                key: seen[key]
                for key in (
                    "p50_ms", "p99_ms", "max_ms", "lost", "swapped", "closed", "event_bytes",
                )
            },
        }  # fmt: skip


class PeerRun:
    """A peer, started for one case."""

    def __init__(self, name: str, case: Case, bus: Bus) -> None:
        peer = PEERS[name]
        self._server, port = start_peer(name, bus.port)
        server: Process = self._server
        plan = [peer.join(i % case.rooms) for i in range(case.rooms * case.members)]
        try:
            self.run = Run(
                case, bus, [port], plan, peer.wsload, lambda: cpu_seconds(server.pid),
                peer.envelope, ("--rooms", case.rooms),
            )  # fmt: skip
        except BaseException:
            server.stop()
            raise

    def stop(self) -> None:
        self.run.stop()
        self._server.stop()


class HubbubRun:
    """The running Hubbub's realtime tier; new people and chats, which nobody else writes to, for
    the events come from no database."""

    def __init__(self, hubbub: Hubbub, people: People, case: Case, bus: Bus) -> None:
        crowd = people.sign_up(case.rooms * case.members)
        groups = [crowd[i : i + case.members] for i in range(0, len(crowd), case.members)]
        topics = Topics()
        self._chats = tempfile.NamedTemporaryFile("w", suffix=".chats")  # noqa: SIM115 - closed by stop
        for chat in people.make_chats(groups):
            self._chats.write(f"{topics.chat(chat)}\t{chat}\n")
        self._chats.flush()
        pids = hubbub.pids_by_role()["realtime"]
        self.plan = [group[i].socket() for i in range(case.members) for group in groups]
        self.run = Run(
            case, bus, hubbub.ports("realtime"), self.plan, SOCKET_OPTIONS,
            lambda: sum(map(cpu_seconds, pids)), "hubbub", ("--chats", self._chats.name),
        )  # fmt: skip

    def stop(self) -> None:
        self.run.stop()
        self._chats.close()


def measure_idle(
    name: str, bus: Bus, count: int, handshakes: int = 100, *, frugal: bool = False
) -> Found:
    """Connects `count` sockets of a peer to rooms of ten, some handshakes at a time: CPU of each
    connect, memory of each when idle."""
    server, port = start_peer(name, bus.port, frugal=frugal)
    try:
        time.sleep(1)
        memory, cpu = pss_kb(server.pid), cpu_seconds(server.pid)
        plan = [PEERS[name].join(i // 10) for i in range(count)]
        options = [*PEERS[name].wsload, "--handshakes", handshakes]
        sockets = Sockets([port], plan, options)
        cpu = cpu_seconds(server.pid) - cpu
        time.sleep(2)
        memory = pss_kb(server.pid) - memory
        sockets.stop()
    finally:
        server.stop()
    return {
        "connect_us": cpu / count * 1e6,
        "kb": memory / count,
        "ready_s": sockets.ready["seconds"],
        "failed": sockets.ready["failed"],
    }
