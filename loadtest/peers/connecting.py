"""The cost of a Hubbub socket: memory when idle; CPU of all tiers to connect and join."""

import sys
import time
from collections.abc import Sequence
from typing import Final

from loadtest.peers.build import say
from loadtest.peers.hubbub import PROJECT, Hubbub, spent
from loadtest.peers.machine import SERVER_CORE, Found, cpu_seconds, kernel_socket_kb
from loadtest.peers.people import SOCKET_OPTIONS, SOCKETS_A_USER, People
from loadtest.peers.process import Process, free_port, wait_for_port
from loadtest.peers.sockets import Sockets

CHAT_MEMBERS: Final = 10
SETTLE_SECONDS: Final = 3.0


def plan_many_sockets(people: People, count: int) -> list[str]:
    """20 sockets a user; every user in one chat of ten."""
    crowd = people.sign_up(-(-count // SOCKETS_A_USER))
    people.make_chats([crowd[i : i + CHAT_MEMBERS] for i in range(0, len(crowd), CHAT_MEMBERS)])
    return [person.socket() for _ in range(SOCKETS_A_USER) for person in crowd][:count]


def measure_memory(hubbub: Hubbub, people: People, count: int) -> Found:
    """Only the first run after a start is valid: freed memory is not returned."""
    plan = plan_many_sockets(people, count)
    time.sleep(2)
    before, kernel = hubbub.pss_kb("realtime"), kernel_socket_kb()
    sockets = Sockets(hubbub.ports("realtime"), plan, SOCKET_OPTIONS, core=None, patience=180)
    try:
        time.sleep(SETTLE_SECONDS)
        ready = max(1, sockets.ready["conns"])
        return {
            "kb": (hubbub.pss_kb("realtime") - before) / ready,
            "kernel_kb": (kernel_socket_kb() - kernel) / ready,  # both ends of each
            "failed": sockets.ready["failed"],
        }
    finally:
        sockets.stop()


def measure_connects(hubbub: Hubbub, plan: list[str], *, public: bool = False) -> Found:
    """All of the plan's sockets at once; the processes share the machine with the client.

    `public`: through the balancer instead of straight to the nodes.
    """
    ports = [hubbub.port] if public else hubbub.ports("realtime")
    cpu = hubbub.cpu()
    options = [*SOCKET_OPTIONS, "--handshakes", len(plan)]
    sockets = Sockets(ports, plan, options, core=None, patience=180)
    cpu = spent(cpu, hubbub.cpu())
    sockets.stop()
    ready = max(1, sockets.ready["conns"])
    by_tier = {role: seconds / ready * 1e6 for role, seconds in cpu.items()}
    say(f"  {ready:,} ready in {sockets.ready['seconds']:.2f} s, µs:", by_tier)
    time.sleep(SETTLE_SECONDS)  # the server lets go of them
    return {
        "connect_us": sum(by_tier.values()),
        "us_by_tier": by_tier,
        "ready": ready,
        "ready_s": sockets.ready["seconds"],
        "failed": sockets.ready["failed"],
    }


def measure_floor(plan: Sequence[str]) -> Found:
    """The same sockets to a program that only answers, alone on a core like peers."""
    port = free_port()
    program = [sys.executable, "-m", "loadtest.peers.connecting_floor", port]
    server = Process(program, SERVER_CORE, cwd=PROJECT)
    try:
        wait_for_port(server, port)
        cpu = cpu_seconds(server.pid)
        sockets = Sockets([port], plan, [*SOCKET_OPTIONS, "--handshakes", len(plan)])
        cpu = cpu_seconds(server.pid) - cpu
        sockets.stop()
    finally:
        server.stop()
    return {
        "connect_us": cpu / len(plan) * 1e6,
        "ready_s": sockets.ready["seconds"],
        "failed": sockets.ready["failed"],
    }
