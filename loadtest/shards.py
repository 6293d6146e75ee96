"""`make shard-bench`: how many events a second one Valkey carries, and a cluster of two and of
three shards, each with a replica, when every chat is heard by several nodes.

Two cores cannot fill six servers, so nothing is filled: at a steady rate each server's CPU time for
an event is taken, and the rate follows at which the busiest of them has used up its core. The rate
grows with the shards, as it would, so that a server gets as many events with a write as one alone.
Publishes and hears with the product's own bus.
"""

import asyncio
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from common.valkey.address import ValkeyAddress
from common.valkey.cluster import SLOTS, ask_one
from common.valkey.valkey import Valkey
from fleet.engines.binaries import valkey_program
from loadtest.peers.machine import SERVER_CORE, cpu_seconds
from loadtest.peers.process import LOOPBACK, Process, free_port, wait_for_port
from loadtest.peers.servers import start_valkey

NODES: Final = 9  # that hear a chat: docs/scale.md
CHATS: Final = 384
EVENT_BYTES: Final = 250
EVENTS_A_WRITE: Final = 21  # and shard
WRITES_A_SECOND: Final = 60
SECONDS: Final = 5.0
ROUNDS: Final = 3
SETTLE_SECONDS: Final = 3.0  # for replicas to copy nothing, and all to agree
SHARDS: Final = (1, 2, 3)  # 1 is a server of its own, without a replica


class Found(NamedTuple):
    """CPU in µs for an event of the whole system: of the busiest primary, of the busiest replica,
    and of all; `sent` of the `heard` events."""

    primary: float
    replica: float
    together: float
    heard: int
    sent: int

    @property
    def carries(self) -> float:
        """Events a second with which the busiest server's core is full."""
        return 1e6 / max(self.primary, self.replica)


@contextmanager
def servers(shards: int) -> Iterator[tuple[str, list[int], list[int]]]:
    """The URL, and the process ids of primaries and replicas."""
    if shards == 1:
        one, port = start_valkey()
        try:
            yield f"redis://{LOOPBACK}:{port}", [one.pid], []
        finally:
            one.stop()
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubbub-shards-")))
        members = [start_member(folder, stack) for _ in range(2 * shards)]
        ports = [port for _, port in members]
        uvloop.run(make_cluster(ports, shards))
        pids = [process.pid for process, _ in members]
        places = ",".join(f"{LOOPBACK}:{port}" for port in ports)
        yield f"valkey+cluster://{places}", pids[:shards], pids[shards:]


def start_member(folder: Path, stack: ExitStack) -> tuple[Process, int]:
    port, bus = free_port(), free_port()
    place = folder / str(port)
    place.mkdir()
    process = Process(
        [
            valkey_program(), "--port", port, "--bind", LOOPBACK, "--save", "",
            "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-port", bus,
            "--repl-diskless-sync-delay", "0",
        ],
        SERVER_CORE, cwd=place,
    )  # fmt: skip
    stack.callback(process.stop)
    wait_for_port(process, port)
    return process, port


async def make_cluster(ports: list[int], shards: int) -> None:
    """The first are primaries, the others their replicas."""
    bounds = [SLOTS * number // shards for number in range(shards + 1)]
    for number, port in enumerate(ports[:shards]):
        await tell(
            port, "CLUSTER", "ADDSLOTSRANGE", str(bounds[number]), str(bounds[number + 1] - 1)
        )
    for number, port in enumerate(ports, 1):
        await tell(port, "CLUSTER", "SET-CONFIG-EPOCH", str(number))
    for port in ports[1:]:
        place = (await tell(ports[0], "CONFIG", "GET", "cluster-port"))[1].decode()
        await tell(port, "CLUSTER", "MEET", LOOPBACK, str(ports[0]), place)
    ids = [(await tell(port, "CLUSTER", "MYID")).decode() for port in ports[:shards]]
    for number, port in enumerate(ports[shards:]):
        await until(port, lambda said: said.count(b"\n") == len(ports))
        await tell(port, "CLUSTER", "REPLICATE", ids[number])
    for port in ports:
        await until(port, lambda said: said.count(b" slave ") + said.count(b",slave ") == shards)
    await asyncio.sleep(SETTLE_SECONDS)


async def until(port: int, holds: Callable[[bytes], bool]) -> None:
    """Of what the server says of its cluster."""
    async with asyncio.timeout(60):
        while not holds(await tell(port, "CLUSTER", "NODES")):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.1)


async def tell(port: int, *command: str) -> Any:
    answers = await ask_one(ValkeyAddress(f"redis://{LOOPBACK}:{port}"), [command])
    if answers is None or isinstance(answers[0], Exception):
        raise RuntimeError(f"{command}: {answers}")
    return answers[0]


async def measure(url: str, primaries: list[int], replicas: list[int]) -> Found:
    heard = 0

    def hear(messages: list[list[bytes]]) -> None:
        nonlocal heard
        heard += len(messages)

    nodes = [Valkey(url) for _ in range(NODES)]
    ups = [asyncio.Event() for _ in nodes]
    topics = [nodes[0].topics.chat(str(uuid.uuid4())) for _ in range(CHATS)]
    for node in nodes:
        for topic in topics:
            node.bus.subscribe(topic)
    running = [
        asyncio.create_task(node.bus.run(hear, partial(_note_up, up)))
        for node, up in zip(nodes, ups, strict=True)
    ]
    async with asyncio.timeout(60):
        for up in ups:
            await up.wait()
    with closing(Valkey(url)) as publisher:
        await _publish(publisher, topics, len(primaries), 1.0)
        pids = [*primaries, *replicas]
        before, heard = [cpu_seconds(pid) for pid in pids], 0
        sent = await _publish(publisher, topics, len(primaries), SECONDS)
        async with asyncio.timeout(60):
            while heard < sent * NODES:  # noqa: ASYNC110 - counted by other tasks
                await asyncio.sleep(0.05)
        each = [
            (cpu_seconds(pid) - was) / sent * 1e6 for pid, was in zip(pids, before, strict=True)
        ]
    for task in running:
        task.cancel()
    of_primaries, of_replicas = each[: len(primaries)], each[len(primaries) :]
    return Found(max(of_primaries), max(of_replicas, default=0.0), sum(each), heard, sent)


def _note_up(up: asyncio.Event, is_up: bool, _: str) -> None:
    if is_up:
        up.set()


async def _publish(publisher: Valkey, topics: list[str], shards: int, seconds: float) -> int:
    """How many were taken."""
    payload, sent, loop = b"x" * EVENT_BYTES, 0, asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        due = loop.time() + 1 / WRITES_A_SECOND
        chosen = [topics[(sent + place) % CHATS] for place in range(EVENTS_A_WRITE * shards)]
        if await publisher.publish([(topic, payload) for topic in chosen]) is None:
            raise RuntimeError("Valkey does not take what is published")
        sent += len(chosen)
        await asyncio.sleep(due - loop.time())
    return sent


def main() -> None:
    """Prints a table of Markdown: medians of the rounds."""
    print("| shards | busiest primary | busiest replica | all servers | events a second | times |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    one = 0.0
    for shards in SHARDS:
        with servers(shards) as (url, primaries, replicas):
            rounds = [uvloop.run(measure(url, primaries, replicas)) for _ in range(ROUNDS)]
        found = sorted(rounds, key=lambda each: each.carries)[ROUNDS // 2]
        one = one or found.carries
        print(
            f"| {shards} | {found.primary:.1f} µs | {found.replica:.1f} µs"
            f" | {found.together:.1f} µs | {found.carries:,.0f} | {found.carries / one:.2f} |"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
