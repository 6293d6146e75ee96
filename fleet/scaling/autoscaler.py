"""The loop that fits each role to its load: reads metrics, asks the scaler, applies its decision.

The driver knows where the processes are, and how to start and end them.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from fleet.processes.probe import Address, http_body, metrics_path
from fleet.scaling.figures import Reading, figures_of, names_of, read_metrics
from fleet.scaling.scaler import Figures, Limits, Memory, Replicas, decide_all

ROUND_SECONDS = 1.0


class Driver(Protocol):
    """Starts and drains processes."""

    @property
    def bounds(self) -> Mapping[str, Replicas]: ...

    @property
    def wanted(self) -> Mapping[str, int]: ...

    async def find_metrics(self) -> Mapping[str, list[Address]]:
        """The addresses where each role's ready processes answer `GET /metrics`."""

    async def scale(self, role: str, replicas: int) -> None:
        """Returns when the number is reached: the new ones ready, the others gone."""


class Autoscaler:
    """`report` is called with each decision: role, wanted before, wanted now, and why."""

    def __init__(
        self,
        driver: Driver,
        limits: Limits,
        report: Callable[[str, int, int, Figures], None],
        *,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._driver = driver
        self._limits = limits
        self._report = report
        self._round_seconds = round_seconds
        self._memories: dict[str, Memory] = {}
        self._readings: dict[str, dict[str, Reading]] = {}
        self._acting: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Runs until cancelled; raises what a scaling raised."""
        try:
            while True:
                if any(low < high for low, high in self._driver.bounds.values()):
                    await self._go_round()
                else:
                    self._readings.clear()
                await asyncio.sleep(self._round_seconds)
        finally:
            for task in self._acting.values():
                task.cancel()
            await asyncio.gather(*self._acting.values(), return_exceptions=True)

    async def _go_round(self) -> None:
        bounds, wanted = self._driver.bounds, self._driver.wanted
        for role in [role for role, task in self._acting.items() if task.done()]:
            self._acting.pop(role).result()
        figures = {}
        for role, addresses in (await self._driver.find_metrics()).items():
            readings = await _read_all(role, addresses)
            before = self._readings.get(role, {})
            figures[role] = figures_of(role, wanted[role], before, readings)
            self._readings[role] = readings
        free = figures.keys() - self._acting.keys()
        memories = {role: self._remember(role, wanted[role]) for role in free}
        decided = decide_all(memories, figures, bounds, self._limits, time.monotonic())
        for role, memory in decided.items():
            self._memories[role] = memory
            if memory.wanted != wanted[role]:
                self._report(role, wanted[role], memory.wanted, figures[role])
                self._acting[role] = asyncio.create_task(self._driver.scale(role, memory.wanted))

    def _remember(self, role: str, wanted: int) -> Memory:
        known = self._memories.get(role)
        # The operator may have set another number meanwhile.
        return known if known and known.wanted == wanted else Memory(wanted)


async def _read_all(role: str, addresses: list[Address]) -> dict[str, Reading]:
    """The readings of the processes that answer, by address."""
    path = metrics_path(names_of(role))
    readings = await asyncio.gather(*(_read(address, path) for address in addresses))
    return {
        str(address): reading
        for address, reading in zip(addresses, readings, strict=True)
        if reading is not None
    }


async def _read(address: Address, path: str) -> Reading | None:
    body = await http_body(address, path)
    return None if body is None else read_metrics(body.decode(), time.monotonic())
