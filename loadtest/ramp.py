"""`make ramp`: from idle to saturation and back, on a separate fleet that may grow and shrink.

Counts failures and losses, and draws throughput, replicas and latency over time. Exits with 1
unless edge and realtime grew to three and came back, with nothing failed and nothing lost.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import uvloop

from fleet.data.state import FleetState, read_state
from fleet.processes.children import spawn, wait_for_exit
from fleet.processes.ports import ReservedPort
from fleet.settings import PROJECT_FOLDER
from loadtest.plot import draw
from loadtest.sockets.crowd import Group, Log
from loadtest.sockets.delivery import percentiles

GROUPS: Final = 11
IDLE_SECONDS: Final = 8
GROUP_EVERY_SECONDS: Final = 4
FULL_SECONDS: Final = 20
LEAVE_EVERY_SECONDS: Final = 1
CALM_SECONDS: Final = 90  # the maximum wait for the fleet to shrink
START_SECONDS: Final = 90
UNHURRIED_SECONDS: Final = 0.5
ENOUGH: Final = 3
SCALED: Final = ("edge", "realtime")
GROWING: Final = ",".join(f"{role}=1-4" for role in SCALED)
# From where on a role grows. The crowd needs more of the same cores than edge: on two of them it
# cannot make an edge wait for the usual 3 ms.
SCALING: Final = "lag_ms=0.5"


class Second(NamedTuple):
    """The figures of one second; latencies in seconds, 0 without deliveries."""

    at: float
    groups: int
    requests: int
    deliveries: int
    replicas: dict[str, int]
    request_p99: float
    delivery_p99: float


@asynccontextmanager
async def running_fleet(data: Path, port: int, replicas: str = GROWING) -> AsyncIterator[None]:
    """A Hubbub whose edge and realtime follow the load, unless `replicas` says otherwise.

    Raises TimeoutError, RuntimeError.
    """
    environment = {name: v for name, v in os.environ.items() if not name.startswith("HUBBUB_")}
    environment |= {
        "HUBBUB_DATA": str(data),
        "HUBBUB_PORT": str(port),
        "HUBBUB_RATE_LIMITS": "high",
        "HUBBUB_REPLICAS": replicas,
        "HUBBUB_SCALING": os.environ.get("HUBBUB_SCALING", SCALING),
    }
    with (data / "output.log").open("wb") as output:
        fleet = spawn(
            [sys.executable, "-m", "fleet"], env=environment, cwd=PROJECT_FOLDER, output=output
        )
    try:
        async with asyncio.timeout(START_SECONDS):
            while b"ready at" not in (data / "output.log").read_bytes():
                if fleet.poll() is not None:
                    raise RuntimeError((data / "output.log").read_text())
                await asyncio.sleep(0.1)
            while not is_whole(read_state(data)):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.1)
        yield
    finally:
        fleet.terminate()
        await wait_for_exit(fleet)


def is_whole(state: FleetState | None) -> bool:
    return state is not None and all(
        ready_replicas(state, role) == wanted.replicas for role, wanted in state.wanted.items()
    )


def ready_replicas(state: FleetState | None, role: str) -> int:
    return sum(p.role == role and p.state == "ready" for p in state.processes) if state else 0


class Ramp:
    """One run. `seconds` is its record."""

    def __init__(self, data: Path, log: Log) -> None:
        self._data, self._log = data, log
        self._talking: list[tuple[asyncio.Event, asyncio.Task[None]]] = []
        self.seconds: list[Second] = []

    async def run(self, groups: list[Group]) -> None:
        """The last group keeps talking slowly while the fleet shrinks."""
        watching = asyncio.create_task(self._watch())
        await asyncio.sleep(IDLE_SECONDS)
        for group in groups[:-1]:
            over = asyncio.Event()
            self._talking.append((over, asyncio.create_task(group.talk(over, pause=0.0))))
            await asyncio.sleep(GROUP_EVERY_SECONDS)
        end = asyncio.Event()
        staying = asyncio.create_task(groups[-1].talk(end, pause=UNHURRIED_SECONDS))
        await asyncio.sleep(FULL_SECONDS)
        leaving = []
        while self._talking:
            over, task = self._talking.pop()
            over.set()
            leaving.append(task)
            await asyncio.sleep(LEAVE_EVERY_SECONDS)
        await asyncio.gather(*leaving)
        deadline = time.monotonic() + CALM_SECONDS
        while self._is_grown() and time.monotonic() < deadline:  # noqa: ASYNC110 - a count
            await asyncio.sleep(1)
        await asyncio.sleep(2)
        end.set()
        await staying
        watching.cancel()

    def _is_grown(self) -> bool:
        return max(self.seconds[-1].replicas.values()) > 1

    async def _watch(self) -> None:
        started = time.monotonic()
        self._log.take()
        while True:
            await asyncio.sleep(1)
            state = read_state(self._data)
            requests, deliveries = self._log.take()
            self.seconds.append(
                Second(
                    at=time.monotonic() - started,
                    groups=len(self._talking),
                    requests=len(requests),
                    deliveries=len(deliveries),
                    replicas={role: ready_replicas(state, role) for role in SCALED},
                    request_p99=percentiles(requests).get(99, 0.0),
                    delivery_p99=percentiles(deliveries).get(99, 0.0),
                )
            )


async def climb(data: Path) -> tuple[list[Second], Log]:
    port, log = ReservedPort(), Log()
    async with running_fleet(data, port.number):
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            origin = f"http://{port.address}"
            groups = [await Group.form(session, origin, log) for _ in range(GROUPS)]
            ramp = Ramp(data, log)
            await ramp.run(groups)
    port.close()
    return ramp.seconds, log


def judge(seconds: list[Second], log: Log) -> bool:
    """Prints the result; returns whether the targets were met."""
    arrival = log.book.close()
    failed = sum(log.failures.values())
    most = {role: max(second.replicas[role] for second in seconds) for role in SCALED}
    last = seconds[-1].replicas
    sys.stdout.write(
        f"Requests:     {sum(s.requests for s in seconds)}, {failed} failed {dict(log.failures)}\n"
        f"At its peak:  {max(s.requests for s in seconds)} requests/s, "
        f"{max(s.deliveries for s in seconds)} deliveries/s\n"
        f"Deliveries:   {arrival.delivered}, {arrival.lost} lost, {arrival.doubled} doubled, "
        f"{arrival.out_of_order} out of order; {log.sent_away} sockets sent away and back\n"
    )
    for role in SCALED:
        sys.stdout.write(f"{role + ':':<13} 1 -> {most[role]} -> {last[role]}\n")
    grew = all(most[role] >= ENOUGH and last[role] == 1 for role in SCALED)
    return grew and not failed and arrival.is_clean and arrival.answered > 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.ramp", description=__doc__)
    parser.add_argument("--picture", type=Path, default=Path("docs/pictures/scaling.png"))
    picture: Path = parser.parse_args().picture
    with tempfile.TemporaryDirectory(prefix="hubbub-ramp-") as data:
        seconds, log = uvloop.run(climb(Path(data)))
    draw(seconds, picture)
    return 0 if judge(seconds, log) else 1


if __name__ == "__main__":
    sys.exit(main())
