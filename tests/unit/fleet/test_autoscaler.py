"""The loop between metrics and decisions, with processes that only serve metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from fleet.processes.ports import LOOPBACK
from fleet.processes.probe import Address
from fleet.scaling.autoscaler import Autoscaler
from fleet.scaling.scaler import Figures, Limits, Replicas

ROUND_SECONDS = 0.02


class Node:
    """Answers every request with metrics of a realtime node that has this many sockets."""

    def __init__(self, sockets: Callable[[], float]) -> None:
        self._sockets = sockets
        self._server: asyncio.Server | None = None
        self.asked_for = ""

    async def start(self) -> Address:
        self._server = await asyncio.start_server(self._answer, LOOPBACK, 0)
        return Address(LOOPBACK, self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        if self._server:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked_for = (await reader.readline()).decode()
        body = f"# HELP x\nhubbub_realtime_sockets {self._sockets()}\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()


class Nodes:
    """A driver of nodes that share some sockets evenly."""

    def __init__(self, total: float, bounds: Replicas) -> None:
        self.total = total
        self.bounds: Mapping[str, Replicas] = {"realtime": bounds}
        self.wanted: dict[str, int] = {"realtime": 0}
        self.nodes: list[Node] = []
        self._addresses: list[Address] = []
        self.rounds = 0

    async def find_metrics(self) -> Mapping[str, list[Address]]:
        self.rounds += 1
        return {"realtime": list(self._addresses)}

    async def scale(self, role: str, replicas: int) -> None:
        self.wanted[role] = replicas
        while len(self.nodes) < replicas:
            node = Node(lambda: self.total / len(self.nodes))
            self.nodes.append(node)
            self._addresses.append(await node.start())
        while len(self.nodes) > replicas:
            self.nodes.pop().stop()
            self._addresses.pop()


class Said(list[tuple[str, int, int]]):
    """Collects the reported decisions."""

    def hear(self, role: str, before: int, now: int, figures: Figures) -> None:
        assert figures.seen == before
        self.append((role, before, now))


@asynccontextmanager
async def scaled(driver: Nodes, said: Said) -> AsyncIterator[None]:
    await driver.scale("realtime", 1)
    loop = Autoscaler(driver, Limits(calm_seconds=1), said.hear, round_seconds=ROUND_SECONDS)
    running = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        await driver.scale("realtime", 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what changes is a count
            await asyncio.sleep(0.02)


async def test_figures_become_processes() -> None:
    """Scales up while the load is too high for the processes, and down when it is over."""
    driver, said = Nodes(700, Replicas(1, 2)), Said()
    async with scaled(driver, said):
        await until(lambda: len(driver.nodes) == 2)
        assert "name%5B%5D=hubbub_realtime_sockets" in driver.nodes[0].asked_for
        driver.total = 10
        await until(lambda: len(driver.nodes) == 1)
    assert said == [("realtime", 1, 2), ("realtime", 2, 1)]


async def test_fixed_numbers_cost_no_look_at_any_process() -> None:
    """If no number may change, no process is asked."""
    driver, said = Nodes(5000, Replicas(1, 1)), Said()
    async with scaled(driver, said):
        await asyncio.sleep(10 * ROUND_SECONDS)
        assert driver.rounds == 0
        driver.bounds = {"realtime": Replicas(1, 2)}
        await until(lambda: driver.rounds > 0)
