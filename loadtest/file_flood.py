"""`make file-flood`: the effect of file transfers on message delivery and on the processes that
carry them.

Eight uploads and eight downloads at 5 MiB/s each, from another process, alternate with calm on a
separate fleet. Exits with 1 unless in the median round the 99th percentile of delivery stays within
twice that of calm or 10 ms above it, no process of the fleet holds 64 MiB more than in calm, and
all is delivered.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import uvloop

from fleet.data.state import read_state
from fleet.processes.ports import ReservedPort
from loadtest.flood import GROUPS, Change, compare, measure
from loadtest.footprint import take_footprints
from loadtest.ramp import running_fleet
from loadtest.sockets.crowd import Group, Log, Rest

REPLICAS: Final = "edge=1,realtime=1,files=1,users=1,chats=1"
ROUNDS: Final = 3
ROUND_SECONDS: Final = 8.0
STREAMS: Final = 8  # of each kind
MIB: Final = 2**20
BYTES_A_SECOND: Final = 5 * MIB
FILE_BYTES: Final = 20 * MIB
PIECE_BYTES: Final = 65_536
SAMPLE_SECONDS: Final = 0.5
MAX_RATIO: Final = 2.0
MAX_DIFFERENCE_SECONDS: Final = 0.010
MAX_GROWTH_MB: Final = 64.0


class Round(NamedTuple):
    """Two 99th percentiles of delivery in seconds; what was moved, in bytes a second and stream;
    and by how many MB each process was larger at most than in calm."""

    calm: float
    loaded: float
    up: float
    down: float
    growth: Mapping[str, float]


class Mover:
    """The other process: moves bytes until it is killed, and prints how many have gone each way."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, chat: str, token: str) -> None:
        self._session = session
        self._path = f"{origin}/api/chat/{chat}/file"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._up = self._down = 0

    async def run(self) -> None:
        file = await self._upload(MIB * 1_000)  # one to read, as fast as it goes
        async with asyncio.TaskGroup() as streams:
            for _ in range(STREAMS):
                streams.create_task(self._upload_again())
                streams.create_task(self._download_again(file))
            while True:
                sys.stdout.write(f"{self._up} {self._down}\n")
                sys.stdout.flush()
                await asyncio.sleep(SAMPLE_SECONDS)

    async def _upload_again(self) -> None:
        while True:
            await self._upload(BYTES_A_SECOND)

    async def _upload(self, bytes_a_second: int) -> str:
        async def body() -> AsyncIterator[bytes]:
            began, piece = time.monotonic(), os.urandom(PIECE_BYTES)
            for sent in range(0, FILE_BYTES, PIECE_BYTES):
                await asyncio.sleep(began + sent / bytes_a_second - time.monotonic())
                yield piece
                self._up += PIECE_BYTES

        async with self._session.post(
            self._path + "?name=film", data=body(), headers=self._headers
        ) as answer:
            answer.raise_for_status()
            return str((await answer.json())["file"]["id"])

    async def _download_again(self, file: str) -> None:
        while True:
            began, got = time.monotonic(), 0
            async with self._session.get(f"{self._path}/{file}", headers=self._headers) as answer:
                answer.raise_for_status()
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    got += len(piece)
                    self._down += len(piece)
                    await asyncio.sleep(began + got / BYTES_A_SECOND - time.monotonic())


async def move(origin: str, chat: str, token: str) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        await Mover(session, origin, chat, token).run()


class Moved:
    """The other process's report: `up` and `down` are bytes so far."""

    def __init__(self, output: asyncio.StreamReader) -> None:
        self.up = self.down = 0
        self.is_moving = asyncio.Event()
        self._output = output

    async def read(self) -> None:
        async for line in self._output:
            self.up, self.down = map(int, line.split())
            self.is_moving.set()


@asynccontextmanager
async def moving(*arguments: str) -> AsyncIterator[Moved]:
    """Starts when the first bytes move."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.file_flood", "--move", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    moved = Moved(process.stdout)
    reading = asyncio.create_task(moved.read())
    try:
        async with asyncio.timeout(60):
            await moved.is_moving.wait()
        yield moved
        if process.returncode is not None:
            raise RuntimeError("what moved files has ended")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


class Memory:
    """The maximum private memory of each process of a fleet, in MB."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.most: dict[str, float] = {}

    async def watch(self) -> None:
        while True:
            if (state := read_state(self._data)) is not None:
                prints = await asyncio.to_thread(take_footprints, state)
                for name, one in prints.items():
                    self.most[name] = max(one.memory, self.most.get(name, 0.0))
            await asyncio.sleep(SAMPLE_SECONDS)

    def take(self) -> dict[str, float]:
        """Since the last call."""
        most, self.most = self.most, {}
        return most


async def flood_rounds(data: Path, rounds: int) -> tuple[list[Round], Log]:
    port, log, found = ReservedPort(), Log(), []
    origin = f"http://{port.address}"
    async with (
        running_fleet(data, port.number, REPLICAS),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        over, memory = asyncio.Event(), Memory(data)
        people = [await Group.form(session, origin, log) for _ in range(GROUPS)]
        talking = [asyncio.create_task(group.talk(over)) for group in people]
        watching = asyncio.create_task(memory.watch())
        mover = Rest(session, origin, log)
        await mover.sign_up()
        chat = (await mover.call("POST", "/api/chat", {"participants": [], "chatName": "films"}))[
            "chat"
        ]["id"]
        for number in range(rounds):
            memory.take()
            calm = await measure(log, ROUND_SECONDS)
            before = memory.take()
            async with moving(origin, chat, mover.token) as moved:
                memory.take()
                began, up, down = time.monotonic(), moved.up, moved.down
                loaded = await measure(log, ROUND_SECONDS)
                streams = (time.monotonic() - began) * STREAMS
                up, down = moved.up - up, moved.down - down
            most = memory.take()
            growth = {name: most[name] - mb for name, mb in before.items() if name in most}
            found.append(Round(calm, loaded, up / streams, down / streams, growth))
            say(found[-1], number)
        over.set()
        await asyncio.gather(*talking)
        watching.cancel()
    port.close()
    return found, log


def say(one: Round, number: int) -> None:
    largest = max(one.growth, key=one.growth.__getitem__)
    sys.stdout.write(
        f"round {number + 1}: p99 of delivery {one.calm * 1000:.1f} ms in calm, "
        f"{one.loaded * 1000:.1f} ms beside uploads of {one.up / MIB:.1f} and downloads of "
        f"{one.down / MIB:.1f} MiB/s each; {largest} grew most, by {one.growth[largest]:.1f} MB\n"
    )
    sys.stdout.flush()


def judge(rounds: list[Round], log: Log) -> bool:
    """Prints the result; returns whether the targets were met."""
    arrival = log.book.close()
    change: Change = compare([(one.calm, one.loaded) for one in rounds])
    growth = {name: max(r.growth.get(name, 0.0) for r in rounds) for name in rounds[0].growth}
    is_slow = change.ratio > MAX_RATIO and change.seconds > MAX_DIFFERENCE_SECONDS
    is_large = max(growth.values()) > MAX_GROWTH_MB
    shown = ", ".join(f"{name} {mb:+.1f}" for name, mb in sorted(growth.items()))
    sys.stdout.write(
        f"Deliveries:   {arrival.delivered}, {arrival.lost} lost, {arrival.doubled} doubled\n"
        f"Median round: {change} (at most {MAX_RATIO:.0f} times or "
        f"{MAX_DIFFERENCE_SECONDS * 1000:+.0f} ms){' MISSED' if is_slow else ''}\n"
        f"Memory, MB at most: {shown} (at most {MAX_GROWTH_MB:+.0f})"
        f"{' MISSED' if is_large else ''}\n"
    )
    return not (is_slow or is_large) and arrival.is_clean and arrival.answered > 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.file_flood", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--move", nargs=3, metavar=("ORIGIN", "CHAT", "TOKEN"))
    options = parser.parse_args()
    if options.move:
        uvloop.run(move(*options.move))
    with tempfile.TemporaryDirectory(prefix="hubbub-files-") as data:
        found = uvloop.run(flood_rounds(Path(data), options.rounds))
    return 0 if judge(*found) else 1


if __name__ == "__main__":
    sys.exit(main())
