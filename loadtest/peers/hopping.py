"""A message through the floor (sending_floor.py): only the hops and the commit, on the database of
an idle Hubbub.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from fleet.engines.binaries import haproxy_program
from loadtest.peers.balancing import describe_floor
from loadtest.peers.hubbub import Hubbub, spent
from loadtest.peers.machine import Found, cpu_seconds, machine_busy_seconds, wait_for_quiet
from loadtest.peers.people import SOCKET_OPTIONS
from loadtest.peers.process import Process, free_port, wait_for_port
from loadtest.peers.relaying import Bus
from loadtest.peers.sockets import Posts, Sockets

PROJECT: Final = Path(__file__).resolve().parents[2]
CHATS: Final = [f"00000000-0000-4000-8000-{number:012}" for number in range(200)]
LISTENERS: Final = 2  # of each
AT_ITS_HALF: Final = "floor at its half"  # of the most that it carries, not of Hubbub's
TEXT_BYTES: Final = 60
WARM_SECONDS: Final = 1.0
TICK_SECONDS: Final = 0.01


class Floor(NamedTuple):
    """The ports of its node and its balancer, and its processes in addition to Hubbub's."""

    node: int
    balancer: int
    pids: list[int]
    hubbub: Hubbub

    def measure(
        self, way: str, in_flight: int, seconds: float, patience: float, rate: float = 0
    ) -> Found:
        """`rate` a second in open loop, or `in_flight` unanswered at any time; by REST over so
        many connections."""
        # A socket says which chat it hears, and is heard in it.
        plan = [f"/ws\t{chat}\t{chat}" for chat in CHATS for _ in range(LISTENERS)]
        sockets = Sockets([self.node], plan, [*SOCKET_OPTIONS, "--counter", "none"], core=None)
        posts = None
        try:
            wait_for_quiet(patience)
            if way == "rest":
                posts = Posts(
                    [self.balancer], [(f"/api/chat/{chat}/message", "-") for chat in CHATS],
                    "--warm", WARM_SECONDS, "--seconds", seconds + 0.3,
                    "--connections", in_flight, "--size", TEXT_BYTES,
                    *(["--rate", rate] if rate else []),
                )  # fmt: skip
                posts.read()
            else:
                pace = f"rate {rate}" if rate else f"window {in_flight}"
                sockets.tell(f"send {pace} {TEXT_BYTES}")
                time.sleep(WARM_SECONDS)
            clients = [sockets.process] if posts is None else [sockets.process, posts.process]
            found = self._window(sockets, [client.pid for client in clients], seconds)
            return {"rate": rate, **found}
        finally:
            if posts is not None:
                posts.stop()
            sockets.stop()

    def _window(self, sockets: Sockets, clients: Sequence[int], seconds: float) -> Found:
        sockets.tell("reset")
        pids, cpu = [*clients, *self.pids], self.hubbub.cpu()
        own, busy = sum(map(cpu_seconds, pids)), machine_busy_seconds()
        time.sleep(seconds)
        own, busy = sum(map(cpu_seconds, pids)) - own, machine_busy_seconds() - busy
        own += sum(spent(cpu, self.hubbub.cpu()).values())
        seen = sockets.report()
        return {
            "others_cores": max(0.0, (busy - own) / seconds),
            "delivered_per_s": seen["deliveries"] / LISTENERS / seconds,
            **{key: seen[key] for key in ("p50_ms", "p99_ms", "deliveries", "closed")},
        }


@contextmanager
def running_floor(hubbub: Hubbub, database: str, bus: Bus) -> Iterator[Floor]:
    """On the database of chats, which has the table `bare_commits`."""
    node, chats, balancer = free_port(), free_port(), free_port()
    processes: list[Process] = []
    with tempfile.TemporaryDirectory() as folder:

        def start(*words: object, cwd: Path = PROJECT) -> Process:
            processes.append(Process(words, None, cwd=cwd))
            return processes[-1]

        try:
            program = (sys.executable, "-m", "loadtest.peers.sending_floor")
            edge, file = Path(folder) / "edge.sock", Path(folder) / "haproxy.cfg"
            wait_for_port(start(*program, "chats", chats, bus.port, database), chats)
            wait_for_port(start(*program, "node", node, chats, bus.port), node)
            started = start(*program, "edge", edge, chats)
            while not edge.exists():
                started.check()
                time.sleep(TICK_SECONDS)
            file.write_text(describe_floor(balancer, edge.name))
            proxy = start(haproxy_program(), "-db", "-f", file, cwd=Path(folder))
            wait_for_port(proxy, balancer)
            pids = [bus.pid, *(process.pid for process in processes)]
            yield Floor(node, balancer, pids, hubbub)
        finally:
            for process in processes[::-1]:
                process.stop()
