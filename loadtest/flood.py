"""`make flood`: the effect of a flood of log-ins on users who post, on a fresh fleet.

Calm, bare hashing and flood alternate, so that other load on the machine affects all. Bare hashing
is a separate process that hashes 40 passwords a second in the kernel's idle class, which runs only
when no other process wants the core: the minimum effect of hashing on others. Exits with 1 unless
the median round keeps the 99th percentile of delivery within 1.25 times or 3 ms of calm; on two
cores it does not, and bare hashing shows why.
"""

import argparse
import asyncio
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import aiohttp
import uvloop

from fleet.processes.ports import ReservedPort
from loadtest.ramp import running_fleet
from loadtest.sockets.crowd import Group, Log
from loadtest.sockets.delivery import percentiles

REPLICAS: Final = "edge=1,realtime=1,users=1,chats=1"
GROUPS: Final = 2  # about half of the capacity of one process per role on two cores
ROUNDS: Final = 5
ROUND_SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 2.0
LOG_INS_A_SECOND: Final = 100  # more than two threads can hash
MAX_RATIO: Final = 1.25
MAX_DIFFERENCE_SECONDS: Final = 0.003


BARE_HASHING: Final = """
import os, time
from users.passwords import create_hasher
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
hasher = create_hasher()
while True:
    begun = time.monotonic()
    hasher.hash("a password")
    time.sleep(max(0.0, begun + 1 / 40 - time.monotonic()))
"""


class Round(NamedTuple):
    """The 99th percentiles of delivery, in seconds."""

    calm: float
    bare: float
    flooded: float


class Flood:
    """Log-ins of unknown users at a given rate, ignoring the answers."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session, self._origin = session, origin
        self.answers: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        pouring = asyncio.create_task(self._pour())
        try:
            yield
        finally:
            pouring.cancel()
            await asyncio.gather(pouring, return_exceptions=True)

    async def _pour(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._log_in())
                await asyncio.sleep(1 / LOG_INS_A_SECOND)

    async def _log_in(self) -> None:
        body = {"username": f"flood-{uuid.uuid4().hex[:16]}", "password": "not this one"}
        try:
            async with self._session.post(f"{self._origin}/api/user/login", json=body) as answer:
                self.answers[str(answer.status)] += 1
        except (aiohttp.ClientError, OSError) as error:
            self.answers[type(error).__name__] += 1


@asynccontextmanager
async def bare_hashing() -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", BARE_HASHING)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def measure(log: Log, seconds: float) -> float:
    """The 99th percentile of deliveries in the next seconds."""
    await asyncio.sleep(SETTLE_SECONDS)
    log.take()
    await asyncio.sleep(seconds)
    _, deliveries = log.take()
    return percentiles(deliveries)[99]


async def flood_rounds(data: Path, rounds: int, groups: int) -> tuple[list[Round], Flood, Log]:
    port, log, found = ReservedPort(), Log(), []
    origin = f"http://{port.address}"
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        running_fleet(data, port.number, REPLICAS),
        aiohttp.ClientSession(connector=connector) as session,
    ):
        over = asyncio.Event()
        people = [await Group.form(session, origin, log) for _ in range(groups)]
        talking = [asyncio.create_task(group.talk(over)) for group in people]
        flood = Flood(session, origin)
        for number in range(rounds):
            calm = await measure(log, ROUND_SECONDS)
            async with bare_hashing():
                bare = await measure(log, ROUND_SECONDS)
            async with flood.running():
                flooded = await measure(log, ROUND_SECONDS)
            found.append(Round(calm, bare, flooded))
            sys.stdout.write(
                f"round {number + 1}: p99 of delivery {calm * 1000:.1f} ms in calm, "
                f"{bare * 1000:.1f} ms beside bare hashing, {flooded * 1000:.1f} ms in the flood\n"
            )
        over.set()
        await asyncio.gather(*talking)
    port.close()
    return found, flood, log


class Change(NamedTuple):
    """Of the median round: how many times as long, and by how many seconds longer."""

    ratio: float
    seconds: float

    @property
    def is_bearable(self) -> bool:
        return self.ratio <= MAX_RATIO or self.seconds <= MAX_DIFFERENCE_SECONDS

    def __str__(self) -> str:
        return f"{self.ratio:.2f} times, {self.seconds * 1000:+.1f} ms"


def compare(pairs: list[tuple[float, float]]) -> Change:
    """Of rounds with what was measured in calm and in the flood."""
    return Change(
        median(after / before for before, after in pairs),
        median(after - before for before, after in pairs),
    )


def judge(rounds: list[Round], flood: Flood, log: Log) -> bool:
    """Prints the result; returns whether the targets were met."""
    arrival = log.book.close()
    bare = compare([(one.calm, one.bare) for one in rounds])
    flooded = compare([(one.calm, one.flooded) for one in rounds])
    sys.stdout.write(
        f"Log-ins:      {sum(flood.answers.values())} {dict(flood.answers)}\n"
        f"Deliveries:   {arrival.delivered}, {arrival.lost} lost, {arrival.doubled} doubled\n"
        f"Median round: bare hashing {bare}, the flood {flooded} "
        f"(at most {MAX_RATIO} times or {MAX_DIFFERENCE_SECONDS * 1000:+.0f} ms)\n"
    )
    return flooded.is_bearable and arrival.is_clean and arrival.answered > 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.flood", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--groups", type=int, default=GROUPS, help="20 people each, 4 of them post")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hubbub-flood-") as data:
        found = uvloop.run(flood_rounds(Path(data), options.rounds, options.groups))
    return 0 if judge(*found) else 1


if __name__ == "__main__":
    sys.exit(main())
