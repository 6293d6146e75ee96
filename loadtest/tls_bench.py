"""`python -m loadtest.tls_bench`: the cost of TLS between HAProxy and a node, per socket and
delivery: only the transport, with and without, alternating.

The server is a child, so that its CPU and memory are separate; the clients are here.
"""

import asyncio
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from fleet.settings import PROJECT_FOLDER

SOCKETS: Final = 1000
WRITES: Final = 40
ROUNDS: Final = 5
AT_ONCE: Final = 50  # connections that are made
BYTES: Final = 250
LOOPBACK: Final = "127.0.0.1"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Cost(NamedTuple):
    """CPU in microseconds, memory in kB."""

    connect: float
    memory: float
    write: float


class Usage(NamedTuple):
    cpu: float
    memory: int
    sockets: int


async def serve(certificate: str, key: str) -> None:
    """Reports its port; then, on command, its resource use, or writes to all sockets once."""
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    sockets: list[asyncio.Transport] = []

    class Taking(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            # As realtime does.
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, 65536
            )
            sockets.append(transport)  # type: ignore[arg-type]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Taking, LOOPBACK, 0, ssl=tls, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    told = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    frame = b"x" * BYTES
    while command := (await told.readline()).strip():
        if command == b"write":
            for one in sockets:
                one.write(frame)
            await asyncio.sleep(0)
        print(sum(os.times()[:2]), _resident_kb(), len(sockets), flush=True)


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def measure(certificate: str, key: str) -> Cost:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.tls_bench", "serve", certificate, key,
        cwd=PROJECT_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    to_child, from_child = child.stdin, child.stdout

    async def ask(command: bytes) -> Usage:
        to_child.write(command + b"\n")
        cpu, memory, sockets = (await from_child.readline()).split()
        return Usage(float(cpu), int(memory), int(sockets))

    port = int(await from_child.readline())
    start = await ask(b"tell")
    connections = await connect_all(port, _trusting() if certificate else None)
    connected = await ask(b"tell")
    while connected.sockets < SOCKETS:
        connected = await ask(b"tell")
    readers = [asyncio.create_task(reader.readexactly(BYTES * WRITES)) for reader, _ in connections]
    for _ in range(WRITES):
        await ask(b"write")
        await asyncio.sleep(0.02)
    await asyncio.gather(*readers)
    end = await ask(b"tell")
    child.kill()
    await child.wait()
    return Cost(
        (connected.cpu - start.cpu) / SOCKETS * 1e6,
        (end.memory - start.memory) / SOCKETS,
        (end.cpu - connected.cpu) / SOCKETS / WRITES * 1e6,
    )


async def connect_all(port: int, tls: ssl.SSLContext | None) -> list[Streams]:
    found: list[Streams] = []
    for _ in range(0, SOCKETS, AT_ONCE):
        found += await asyncio.gather(
            *(asyncio.open_connection(LOOPBACK, port, ssl=tls) for _ in range(AT_ONCE))
        )
    return found


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def compare(certificate: str, key: str) -> None:
    rounds = [(await measure("", ""), await measure(certificate, key)) for _ in range(ROUNDS)]
    print("              connect, µs   memory, kB   write, µs")
    for name, costs in zip(("in the clear", "over TLS"), zip(*rounds, strict=True), strict=True):
        connect, memory, write = (statistics.median(each) for each in zip(*costs, strict=True))
        print(f"{name:12}  {connect:11.0f}  {memory:11.1f}  {write:10.1f}")


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve(*sys.argv[2:]))
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 - a program of this repository
            [PROJECT_FOLDER / "deploy" / "make-certificates", folder],
            check=True,
            capture_output=True,
        )
        uvloop.run(compare(f"{folder}/realtime.pem", f"{folder}/realtime.key"))


if __name__ == "__main__":
    main()
