"""The cost of read markers sent as frames by many users, and of their presence.

Each user has one socket, through the balancer, and a chat with one other. Beside it the floor
(marking_floor.py), behind a HAProxy of its own with its defaults.
"""

import asyncio
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fleet.engines.binaries import haproxy_program
from loadtest.peers.balancing import describe_floor
from loadtest.peers.growing import Measured, fresh_hubbub
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found, cpu_seconds
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import People, Person
from loadtest.peers.process import LOOPBACK, Process, free_port, wait_for_port
from loadtest.peers.servers import start_valkey
from loadtest.peers.stock import Stock
from loadtest.sockets.chat_socket import ChatSocket

READERS: Final = 1_000
MARKERS_A_SECOND: Final = 1_000
MARKING_SECONDS: Final = 20
SETTLED_SECONDS: Final = 2.0  # after which every marker is stored, as the contract says
IDLE_SECONDS: Final = 10.0
REST_SECONDS: Final = 45.0
WATCHERS: Final = 200
CHANGES: Final = 20
TICK_SECONDS: Final = 0.01


class _Reader:
    """A user's socket; `told` is what it was told of presence."""

    def __init__(self, person: Person, chat: str) -> None:
        self.person, self.chat = person, chat
        self.seq = 1
        self.told: dict[str, str] = {}
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def open(self, origin: str) -> None:
        self._socket = await ChatSocket.open(origin, self._take)

    async def connect(self, origin: str) -> dict[str, Any]:
        """Its `ready`."""
        await self.open(origin)
        self.say({"type": "connect", "token": self.person.token})
        ready: dict[str, Any] = await self._ready
        return ready

    def say(self, frame: dict[str, Any]) -> None:
        self._socket.send(json.dumps(frame, separators=(",", ":")).encode())

    def read_on(self) -> None:
        """One message more."""
        self.seq += 1
        self.say({"type": "read", "chat": self.chat, "upTo": self.seq})

    def read_on_at_floor(self) -> None:
        self.seq += 1
        self.say({"type": "read", "user": self.person.id, "chat": self.chat, "upTo": self.seq})

    def close(self) -> None:
        self._socket.abort()

    def _take(self, text: bytes) -> None:
        for line in text.split(b"\n"):
            frame = json.loads(line)
            if frame["type"] == "ready":
                self._ready.set_result(frame)
            elif frame["type"] == "presence":
                self.told |= frame["users"]


class _Valkey:
    """A server of the benchmark's own, which says how often it was asked."""

    def __init__(self, port: int, pid: int) -> None:
        self._port, self._pid = port, pid
        self._resting = 0.0  # cores that leases, canaries and pings take anyway

    def cpu(self) -> float:
        return cpu_seconds(self._pid)

    def rest_since(self, cpu: float, seconds: float) -> None:
        """Nobody used the system for so long."""
        self._resting = (self.cpu() - cpu) / seconds

    def net(self, cpu: float, seconds: float) -> float:
        """What it has used since, without the share of rest."""
        return max(0.0, self.cpu() - cpu - self._resting * seconds)

    def commands(self) -> int:
        """All so far."""
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(b"INFO stats\r\nQUIT\r\n")
            with connection.makefile("rb") as answer:
                for line in answer:
                    if line.startswith(b"total_commands_processed:"):
                        return int(line.partition(b":")[2])
        raise RuntimeError("Valkey did not say how often it was asked")


def measure_marking() -> Measured:
    """Markers, then presence of the same users."""
    valkey, port = start_valkey()
    try:
        with fresh_hubbub(port) as hubbub:
            people = People(hubbub.port).sign_up(READERS)
            stock = Stock(hubbub)
            try:
                groups = [people[n : n + 2] for n in range(0, READERS, 2)]
                groups.append(people[: WATCHERS + 1])  # who watch the first one
                chats = stock.add_chats(groups)
                stock.add_messages(chats, MARKERS_A_SECOND * MARKING_SECONDS // READERS + 1)
                stock.settle()
                bus = _Valkey(port, valkey.pid)
                yield from asyncio.run(_measure(hubbub, stock, bus, people, chats))
                with _floor(stock) as (origin, processes):
                    found = asyncio.run(_mark_floor(hubbub, origin, processes, people, chats))
                    yield "read markers, floor", found
            finally:
                stock.close()
    finally:
        valkey.stop()


async def _measure(
    hubbub: Hubbub, stock: Stock, bus: _Valkey, people: Sequence[Person], chats: Sequence[str]
) -> list[tuple[str, Found]]:
    origin = f"http://127.0.0.1:{hubbub.port}"
    readers = [_Reader(person, chats[number // 2]) for number, person in enumerate(people)]
    first, *others = readers
    await first.connect(origin)
    alone = await _count_idle(bus)
    for reader in others:
        await reader.connect(origin)
    await asyncio.sleep(SETTLED_SECONDS)
    valkey, started = bus.cpu(), time.monotonic()
    meter = Meter.at_rest(hubbub)
    bus.rest_since(valkey, time.monotonic() - started)
    marked = await _mark(meter, stock, bus, readers)
    wrong = await _count_wrong(origin, readers)
    idle = await _count_idle(bus) - alone
    found = [
        ("read markers", {**marked, "undelivered": wrong}),
        ("presence, unwatched", {"size": len(readers), "commands_per_s": idle}),
        ("presence, watched", await _watch(meter, bus, readers, alone + idle)),
    ]
    for reader in readers:
        reader.close()
    return found


async def _count_idle(bus: _Valkey) -> float:
    """Commands a second without users, once unused processes are at rest."""
    await asyncio.sleep(REST_SECONDS)
    before = bus.commands()
    await asyncio.sleep(IDLE_SECONDS)
    return (bus.commands() - before) / IDLE_SECONDS


async def _mark(meter: Meter, stock: Stock, bus: _Valkey, readers: Sequence[_Reader]) -> Found:
    """At their rate, whatever the system does; with what the table has grown by."""
    for reader in readers:
        reader.read_on()  # the first one makes a row
    await asyncio.sleep(SETTLED_SECONDS)
    size, updates = stock.measure_mb("own_chats"), stock.count_updates("own_chats")
    since, valkey = meter.start(), bus.cpu()
    count = await _read_on([reader.read_on for reader in readers])
    found = meter.stop(since)
    found["cpu"]["valkey"] = bus.net(valkey, found["seconds"])
    all_, hot = (
        now - then for now, then in zip(stock.count_updates("own_chats"), updates, strict=True)
    )
    return {
        **found, **by_tier(found["cpu"], count), "size": count,
        "grown_mb": stock.measure_mb("own_chats") - size, "hot_share": hot / all_,
    }  # fmt: skip


async def _read_on(steps: Sequence[Callable[[], None]]) -> int:
    """One after the other at their rate, and a while longer; how many."""
    count, started = 0, time.monotonic()
    while (seconds := time.monotonic() - started) < MARKING_SECONDS - 1:
        due = int(seconds * MARKERS_A_SECOND)
        for number in range(count, due):
            steps[number % len(steps)]()
        count = due
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.sleep(SETTLED_SECONDS)
    return count


@contextmanager
def _floor(stock: Stock) -> Iterator[tuple[str, dict[str, int]]]:
    """Its origin, and its processes by the role that they stand for."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(describe_floor(port, "floor.sock"))
        program = [sys.executable, "-m", "loadtest.peers.marking_floor"]
        floor = Process([*program, Path(folder) / "floor.sock", stock.chats_url], None)
        proxy = Process([haproxy_program(), "-db", "-f", file], None, cwd=Path(folder))
        try:
            while not (Path(folder) / "floor.sock").exists():
                floor.check()
                time.sleep(TICK_SECONDS)
            wait_for_port(proxy, port)
            yield f"http://{LOOPBACK}:{port}", {"realtime": floor.pid, "balancer": proxy.pid}
        finally:
            proxy.stop()
            floor.stop()


async def _mark_floor(
    hubbub: Hubbub,
    origin: str,
    processes: dict[str, int],
    people: Sequence[Person],
    chats: Sequence[str],
) -> Found:
    """The same frames to the same rows of the same database."""
    readers = [_Reader(person, chats[number // 2]) for number, person in enumerate(people)]
    for reader in readers:
        await reader.open(origin)
        reader.read_on_at_floor()
    await asyncio.sleep(SETTLED_SECONDS)
    meter = Meter.at_rest(hubbub)
    since = meter.start(*processes.values())
    before = {role: cpu_seconds(pid) for role, pid in processes.items()}
    count = await _read_on([reader.read_on_at_floor for reader in readers])
    used = {role: cpu_seconds(pid) - before[role] for role, pid in processes.items()}
    found = meter.stop(since, *processes.values())
    for reader in readers:
        reader.close()
    found["cpu"] = {"postgres": found["cpu"]["postgres"], **used}
    return {**found, **by_tier(found["cpu"], count), "size": count}


async def _count_wrong(origin: str, readers: Sequence[_Reader]) -> int:
    """Markers that are not where their reader has moved them."""
    wrong = 0
    for reader in readers:
        again = _Reader(reader.person, reader.chat)
        ready = await again.connect(origin)
        again.close()
        wrong += ready["read"][reader.chat] != reader.seq
    return wrong


async def _watch(meter: Meter, bus: _Valkey, readers: Sequence[_Reader], resting: float) -> Found:
    """One user whom many sockets watch changes again and again; beside commands that Valkey gets
    anyway."""
    watched, *watchers = readers[: WATCHERS + 1]
    for watcher in watchers:
        watcher.say({"type": "watch", "users": [watched.person.id]})
    await asyncio.sleep(SETTLED_SECONDS)
    before, since, valkey = bus.commands(), meter.start(), bus.cpu()
    slowest = 0.0
    for number in range(CHANGES):
        state = ("away", "online")[number % 2]
        watched.say({"type": "active", "active": state == "online"})
        started = time.monotonic()
        while any(w.told.get(watched.person.id) != state for w in watchers):  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)
        slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(1.0)
    found = meter.stop(since)
    found["cpu"]["valkey"] = bus.net(valkey, found["seconds"])
    commands = bus.commands() - before - resting * found["seconds"]
    return {
        **found, **by_tier(found["cpu"], CHANGES), "size": WATCHERS,
        "commands": commands / CHANGES, "max_ms": slowest * 1000,
    }  # fmt: skip
