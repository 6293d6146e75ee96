"""`make flood`: what a flood of log-ins costs those who talk, on a fleet of its own.

Rounds of calm and flood take turns, so that what else the machine does falls on both. Exits with 1
unless the median round keeps the 99th percentile of delivery within 1.25 times or 3 ms of the calm.
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

from fleet.ports import ReservedPort
from loadtest.crowd import Group, Log
from loadtest.delivery import percentiles
from loadtest.ramp import running_fleet

REPLICAS: Final = "edge=1,realtime=1,users=1,chats=1"
GROUPS: Final = 2  # about half of what one process of each carries on two cores
ROUNDS: Final = 5
ROUND_SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 2.0
LOG_INS_A_SECOND: Final = 100  # more than two threads can hash
MAX_RATIO: Final = 1.25
MAX_DIFFERENCE_SECONDS: Final = 0.003


class Round(NamedTuple):
    """The 99th percentiles of delivery, in seconds."""

    calm: float
    flooded: float

    @property
    def ratio(self) -> float:
        return self.flooded / self.calm


class Flood:
    """Wrong log-ins of people who are not there, as fast as it is told, whatever is answered."""

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


async def measure(log: Log, seconds: float) -> float:
    """The 99th percentile of what is delivered in the next seconds."""
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
            async with flood.running():
                flooded = await measure(log, ROUND_SECONDS)
            found.append(Round(calm, flooded))
            sys.stdout.write(
                f"round {number + 1}: p99 of delivery {calm * 1000:.1f} ms in calm, "
                f"{flooded * 1000:.1f} ms in the flood, {found[-1].ratio:.2f} times\n"
            )
        over.set()
        await asyncio.gather(*talking)
    port.close()
    return found, flood, log


def judge(rounds: list[Round], flood: Flood, log: Log) -> bool:
    """Says how it went; whether it went as promised."""
    arrival = log.book.close()
    ratio = median(one.ratio for one in rounds)
    difference = median(one.flooded - one.calm for one in rounds)
    sys.stdout.write(
        f"Log-ins:      {sum(flood.answers.values())} {dict(flood.answers)}\n"
        f"Deliveries:   {arrival.delivered}, {arrival.lost} lost, {arrival.doubled} doubled\n"
        f"Median round: {ratio:.2f} times, {difference * 1000:+.1f} ms "
        f"(at most {MAX_RATIO} times or {MAX_DIFFERENCE_SECONDS * 1000:+.0f} ms)\n"
    )
    is_bearable = ratio <= MAX_RATIO or difference <= MAX_DIFFERENCE_SECONDS
    return is_bearable and arrival.is_clean and arrival.answered > 0


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
