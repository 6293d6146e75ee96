"""`make cache-bench`: what the cache saves, and what users notice when its nodes die.

Two systems, one without the cache, are read in turns, like by the people of `make load` in a
minute: CPU time of every tier per read, latency, hit rate. Then the nodes of a third one, whose
edges have no cache in memory, are killed while people read.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import aiohttp
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from common.protocol.ids import new_id
from edge.cache.ring import Ring
from fleet.data.state import FleetState, read_state
from fleet.processes.children import spawn, wait_for_exit
from fleet.processes.ports import ReservedPort
from fleet.settings import PROJECT_FOLDER
from loadtest.cpu import TIERS, CpuClock, used_between
from loadtest.sockets.crowd import Log, Rest
from loadtest.sockets.delivery import percentiles

MAX_RATIO: Final = 0.6  # of the cost of a read without the cache
ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
AT_ONCE: Final = 16  # of 50 people, how many wait for an answer
IDLE_SECONDS: Final = 3.0
PEOPLE: Final = 50
CHATS: Final = 30
DETAILS_READS: Final = 288  # as often each as 960 in a minute of 100 chats
MEMBERS: Final = 5
HISTORY_READS: Final = 30
POSTS_A_READ: Final = 10
WAVES: Final = 8  # of posts and reads of history
BIG_MEMBERS: Final = 200
BIG_READS: Final = 60
START_SECONDS: Final = 90
LOSS_SECONDS: Final = 3


class Sample(NamedTuple):
    """One kind of read in one round: CPU seconds by tier, and each read's seconds."""

    cpu: dict[str, float]
    latencies: list[float]

    @property
    def cost(self) -> float:
        """CPU seconds per read, over all tiers."""
        return sum(self.cpu.values()) / len(self.latencies)


class System:
    """A running Hubbub and its people."""

    def __init__(self, data: Path, origin: str, session: aiohttp.ClientSession) -> None:
        self._data, self._origin, self._session = data, origin, session
        self.log = Log()
        self.people: list[Rest] = []
        self.chats: list[str] = []
        self.samples: dict[str, list[Sample]] = {}
        self._idle: dict[str, float] = dict.fromkeys(TIERS, 0.0)  # CPU seconds a second

    @property
    def state(self) -> FleetState:
        state = read_state(self._data)
        assert state is not None
        return state

    async def settle(self, people: int, chats: int, big: int) -> None:
        """New people, all in the big chats and some in each of the others."""
        new = [Rest(self._session, self._origin, self.log) for _ in range(people)]
        await at_once([person.sign_up for person in new])
        self.people = new
        ids = [person.id for person in new]
        crowd = [ids] * big + [random.sample(ids, MEMBERS - 1) for _ in range(chats)]
        bodies = [{"participants": members, "chatName": "bench"} for members in crowd]
        answers = await at_once([partial(new[0].call, "POST", "/api/chat", b) for b in bodies])
        self.chats = [answer["chat"]["id"] for answer in answers]

    async def measure_idle(self) -> None:
        """Measures what the tiers use when idle; later measurements subtract it."""
        clock = CpuClock(self.state)
        before = clock.read()
        await asyncio.sleep(IDLE_SECONDS)
        used = used_between(before, clock.read())
        self._idle = {tier: seconds / IDLE_SECONDS for tier, seconds in used.items()}

    async def measure(self, kind: str, paths: Sequence[str]) -> None:
        clock = CpuClock(self.state)
        self.log.take()
        before, started = clock.read(), time.monotonic()
        await at_once([partial(self.people[0].call, "GET", path) for path in paths])
        used, took = used_between(before, clock.read()), time.monotonic() - started
        used = {tier: seconds - took * self._idle[tier] for tier, seconds in used.items()}
        self.samples.setdefault(kind, []).append(Sample(used, self.log.take()[0]))

    async def post(self, chats: Sequence[str]) -> None:
        body = {"message": "The garden is ours from noon, and there will be lemonade."}
        call = self.people[0].call
        await at_once([partial(call, "POST", f"/api/chat/{chat}/message", body) for chat in chats])

    async def sources(self) -> Counter[tuple[str, str]]:
        """(what was read, from where): how often, over all edges."""
        found: Counter[tuple[str, str]] = Counter()
        for edge in (p for p in self.state.processes if p.role == "edge"):
            async with self._session.get(f"http://127.0.0.1:{edge.metrics}/metrics") as response:
                text = await response.text()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == "hubbub_edge_reads_total":
                        found[sample.labels["of"], sample.labels["source"]] += int(sample.value)
        return found


async def at_once(calls: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """The results, in order; AT_ONCE calls run at a time."""
    results: list[Any] = [None] * len(calls)
    left = iter(enumerate(calls))

    async def work() -> None:
        for number, call in left:
            results[number] = await call()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return results


@asynccontextmanager
async def running_system(session: aiohttp.ClientSession, **variables: str) -> AsyncIterator[System]:
    """A separate Hubbub with two edges. Raises TimeoutError."""
    port = ReservedPort()
    with tempfile.TemporaryDirectory(prefix="hubbub-cache-") as folder:
        data = Path(folder)
        environment = {name: v for name, v in os.environ.items() if not name.startswith("HUBBUB_")}
        environment |= {
            "HUBBUB_DATA": folder,
            "HUBBUB_PORT": str(port.number),
            "HUBBUB_RATE_LIMITS": "high",
            "HUBBUB_REPLICAS": "edge=2,realtime=1,users=1,chats=1",
            **variables,
        }
        with (data / "output.log").open("wb") as output:
            command = [sys.executable, "-m", "fleet"]
            fleet = spawn(command, env=environment, cwd=PROJECT_FOLDER, output=output)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not is_whole(read_state(data)):  # noqa: ASYNC110 - a file
                    await asyncio.sleep(0.1)
            yield System(data, f"http://{port.address}", session)
        finally:
            fleet.terminate()
            await wait_for_exit(fleet)
            port.close()


def is_whole(state: FleetState | None) -> bool:
    ready = Counter(p.role for p in state.processes if p.state == "ready") if state else Counter()
    return ready["cache"] == 3 and ready["edge"] == 2 and ready["balancer"] == 1


async def read_in_turns(session: aiohttp.ClientSession) -> tuple[System, System]:
    """The one with and the one without the cache, measured."""
    async with AsyncExitStack() as stack:
        pair = [
            await stack.enter_async_context(running_system(session, HUBBUB_CACHE=cache))
            for cache in ("on", "off")
        ]
        for system in pair:
            await system.measure_idle()
        for turn in range(ROUNDS):
            for system in pair if turn % 2 else pair[::-1]:
                await read_once(system)
        await say_sources(pair[0])
    return pair[0], pair[1]


async def read_once(system: System) -> None:
    """A minute of 50 people, starting with empty caches."""
    await system.settle(PEOPLE, CHATS, big=0)
    chats = pick(system.chats, DETAILS_READS)
    await system.measure("details", [f"/api/chat/{chat}" for chat in chats])
    await system.post(system.chats * 60)  # so that every page is full
    for _ in range(WAVES):
        await system.post(pick(system.chats, HISTORY_READS * POSTS_A_READ))
        chats = pick(system.chats, HISTORY_READS)
        await system.measure("history", [f"/api/chat/{chat}/message" for chat in chats])
    await system.settle(BIG_MEMBERS, 0, big=4)
    chats = pick(system.chats, BIG_READS)
    await system.measure("details of 200", [f"/api/chat/{chat}" for chat in chats])


def pick(of: Sequence[str], count: int) -> list[str]:
    return random.choices(of, k=count)  # noqa: S311 - load, no secret


def compare(cached: System, plain: System) -> bool:
    """Prints the cost and ratio of each read; returns whether each is within its target."""
    met = True
    say(f"{'CPU us a read':<16}{'':<10}" + "".join(f"{tier:>9}" for tier in TIERS))
    for kind, samples in cached.samples.items():
        for name, of in (("cached", samples), ("direct", plain.samples[kind])):
            reads = sum(len(sample.latencies) for sample in of)
            tiers = [1e6 * sum(s.cpu[tier] for s in of) / reads for tier in TIERS]
            times = percentiles([t for sample in of for t in sample.latencies])
            say(
                f"{kind:<16}{name:<10}" + "".join(f"{tier:9.0f}" for tier in tiers)
                + f" = {sum(tiers):.0f}, p50 {1e3 * times[50]:.1f} ms, p99 {1e3 * times[99]:.1f} ms"
            )  # fmt: skip
        pairs = zip(samples, plain.samples[kind], strict=True)
        ratio = median(a.cost / b.cost for a, b in pairs)
        word = "met" if ratio <= MAX_RATIO else "MISSED"
        say(f"{kind:<16}ratio {ratio:.2f}, {word}: at most {MAX_RATIO:.2f}")
        met = met and ratio <= MAX_RATIO
    return met


async def say_sources(system: System) -> None:
    found = await system.sources()
    for kind in sorted({of for of, _ in found}):
        total = sum(count for (of, _), count in found.items() if of == kind)
        parts = [f"{source} {n / total:.0%}" for (of, source), n in found.items() if of == kind]
        say(f"{kind} reads from: {', '.join(parts)}")


async def lose_nodes(session: aiohttp.ClientSession) -> None:
    """Chats are read only from the nodes, while one dies, while it is back, while all die."""
    variables = {"HUBBUB_EDGE_CACHE_BYTES": "1"}
    async with running_system(session, **variables) as system:
        await system.settle(PEOPLE, 200, big=0)
        await watch(system, "cold", 1)
        await watch(system, "all nodes", LOSS_SECONDS)
        kill_caches(system, 1)
        await watch(system, "one killed", 1)
        await watch(system, "and back", LOSS_SECONDS)
        kill_caches(system, 3)
        await watch(system, "all killed", 1)
        await watch(system, "and back", LOSS_SECONDS)
        failures = sum(system.log.failures.values())
        say(f"failed reads: {failures} {dict(system.log.failures)}")


def kill_caches(system: System, count: int) -> None:
    for process in [p for p in system.state.processes if p.role == "cache"][:count]:
        os.kill(process.pid, signal.SIGKILL)


async def watch(system: System, name: str, seconds: float) -> None:
    before, until = await system.sources(), time.monotonic() + seconds
    system.log.take()

    async def read() -> None:
        while time.monotonic() < until:
            chat = random.choice(system.chats)  # noqa: S311 - load, no secret
            await system.people[0].call("GET", f"/api/chat/{chat}")

    await asyncio.gather(*(read() for _ in range(AT_ONCE)))
    times = system.log.take()[0]
    found = await system.sources() - before
    hits = found["chat", "node"] / max(1, sum(found.values()))
    p = percentiles(times)
    say(
        f"{name:<16}{len(times) / seconds:6.0f} reads/s, p50 {1e3 * p[50]:.1f} ms,"
        f" p99 {1e3 * p[99]:.1f} ms, from nodes {hits:.0%}"
    )


def say_moves() -> None:
    """How many keys change their node when one of three goes, or a fourth one comes."""
    keys = [f"chat:{new_id()}" for _ in range(20_000)]
    nodes = [f"127.0.0.1:{port}" for port in (6379, 6380, 6381, 6382)]
    ring = Ring(nodes[:3])
    three = [ring.nodes_of(key)[0] for key in keys]
    for name, other in (("goes", Ring(nodes[:2])), ("comes", Ring(nodes))):
        moved = sum(was != other.nodes_of(key)[0] for was, key in zip(three, keys, strict=True))
        say(f"a node {name}: {moved / len(keys):.1%} of the keys move")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> int:
    """1 if a read exceeds its ratio; docs/decisions/gateway.md explains why it does."""
    say_moves()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await lose_nodes(session)
        return 0 if compare(*await read_in_turns(session)) else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
