"""`python -m loadtest.frame_flood`: the effect of one flooding socket on others of its node.

Calm and flood alternate for each kind of frame, on a separate fleet with one realtime process,
which flooder and neighbours share. The flooder runs in the kernel's idle class, only when no other
process wants the core, so the neighbours lose time only to the node's work for it. When
disconnected, it reconnects at once. Exits with 1 unless in the median round of each kind the 99th
percentile of delivery stays within the bound of `loadtest.flood` and all is delivered.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import uvloop

from fleet.processes.ports import ReservedPort
from loadtest.flood import GROUPS, REPLICAS, ROUND_SECONDS, Change, compare, measure
from loadtest.ramp import running_fleet
from loadtest.sockets.blocking_socket import BlockingSocket, SocketEnded
from loadtest.sockets.crowd import Group, Log, Rest

ROUNDS: Final = 3
PIECE_BYTES: Final = 256_000  # as much as uvloop reads at once
PIECE: Final = "piece"


def _frame(opcode: int, text: bytes = b"") -> bytes:
    """A short frame as clients send them, masked with zeros (RFC 6455, section 5.2)."""
    return bytes((opcode, 0x80 | len(text), 0, 0, 0, 0)) + text


TEXT: Final = 0x81
KINDS: Final = {
    "fragments": _frame(0x00),
    "pings": _frame(0x89),
    "pongs": _frame(0x8A),
    "JSON pings": _frame(TEXT, b'{"type":"ping"}'),
    "broken frames": _frame(TEXT, b"{"),
}
FIRST_FRAGMENT: Final = _frame(0x01)


def pour(kind: str, origin: str, token: str) -> None:
    """Floods until it is killed. Prints a line for each accepted piece, and the close code when
    disconnected."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    frame = KINDS[kind]
    piece = frame * (PIECE_BYTES // len(frame))
    while True:
        try:
            socket = BlockingSocket(origin)
            socket.send(msgspec.json.encode({"type": "connect", "token": token}).decode())
            next(socket.texts())
            if kind == "fragments":
                socket.send_raw(FIRST_FRAGMENT)
            while True:
                socket.send_raw(piece)
                print(PIECE, flush=True)
        except SocketEnded as ended:
            print(ended.code, flush=True)


@asynccontextmanager
async def pouring(kind: str, origin: str, token: str) -> AsyncIterator[asyncio.StreamReader]:
    """A process that floods during the block; yields its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.frame_flood", "--pour", kind, origin, token),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def flood_rounds(data: Path, rounds: int) -> tuple[dict[str, list[tuple[float, float]]], Log]:
    """For each kind the 99th percentiles of delivery of calm and flood, in seconds."""
    port, log = ReservedPort(), Log()
    origin = f"http://{port.address}"
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    async with (
        running_fleet(data, port.number, REPLICAS),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        over = asyncio.Event()
        people = [await Group.form(session, origin, log) for _ in range(GROUPS)]
        talking = [asyncio.create_task(group.talk(over)) for group in people]
        flooder = Rest(session, origin, log)
        await flooder.sign_up()
        for number in range(rounds):
            for kind in KINDS:
                calm = await measure(log, ROUND_SECONDS)
                async with pouring(kind, origin, flooder.token) as said:
                    flooded = await measure(log, ROUND_SECONDS)
                lines = (await said.read()).decode().split()
                pieces = lines.count(PIECE)
                found[kind].append((calm, flooded))
                sys.stdout.write(
                    f"round {number + 1}, {kind}: p99 of delivery {calm * 1000:.1f} ms in calm, "
                    f"{flooded * 1000:.1f} ms in the flood of {pieces * PIECE_BYTES / 1e6:.1f} MB, "
                    f"sent away {len(lines) - pieces} times\n"
                )
                sys.stdout.flush()
        over.set()
        await asyncio.gather(*talking)
    port.close()
    return found, log


def judge(found: dict[str, list[tuple[float, float]]], log: Log) -> bool:
    """Prints the result; returns whether the targets were met."""
    arrival = log.book.close()
    sys.stdout.write(
        f"Deliveries: {arrival.delivered}, {arrival.lost} lost, {arrival.doubled} doubled\n"
    )
    changes: dict[str, Change] = {kind: compare(pairs) for kind, pairs in found.items()}
    for kind, change in changes.items():
        word = "" if change.is_bearable else " MISSED"
        sys.stdout.write(f"Median round of {kind}: {change}{word}\n")
    return all(c.is_bearable for c in changes.values()) and arrival.is_clean


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.frame_flood", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--pour", nargs=3, metavar=("KIND", "ORIGIN", "TOKEN"))
    options = parser.parse_args()
    if options.pour:
        pour(*options.pour)
    with tempfile.TemporaryDirectory(prefix="hubbub-flood-") as data:
        found = uvloop.run(flood_rounds(Path(data), options.rounds))
    return 0 if judge(*found) else 1


if __name__ == "__main__":
    sys.exit(main())
