"""`make call-bench`: the cost of a call between services with our HTTP client and server, compared
with pyreqwest and with a bare ASGI application on uvicorn.

Client and server have a core each; pairs alternate. CPU time is compared: other programs on the
machine affect it least, and it limits the throughput of a core.
"""

import asyncio
import os
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from importlib import import_module
from itertools import product
from typing import Any, Final, NamedTuple

import uvloop

from common.calls.http_client import HttpClient
from common.calls.http_server import Request, Response, serving_http
from common.process.settings import Listener
from loadtest.peers.machine import CLIENT_CORE, SERVER_CORE, cpu_seconds
from loadtest.peers.process import LOOPBACK, Process, free_port, wait_for_port

IN_FLIGHT: Final = (1, 8, 32)
ROUNDS: Final = 9
ROUND_SECONDS: Final = 0.4
PATH: Final = "/calls/nothing"
BODY: Final = b'{"chat":"0192f0c1-7c3e-7bd4-a111-223344556677","message":"%s"}' % (b"x" * 140)
HEADERS: Final = {
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    "X-Hubbub-Deadline": "5000",
}
OURS: Final = "ours"
UVICORN: Final = (
    "-m", "uvicorn", "loadtest.call_bench:echo_asgi", "--loop", "uvloop", "--http", "httptools",
    "--no-access-log", "--log-level", "warning", "--lifespan", "off", "--ws", "none", "--port",
)  # fmt: skip
SERVERS: Final = {OURS: ("-m", "loadtest.call_bench", "serve"), "uvicorn": UVICORN}

Call = Callable[[], Awaitable[bytes]]


class Cost(NamedTuple):
    """Microseconds per call: elapsed until the next one, and CPU."""

    wall: float
    client: float
    server: float


async def serve(port: int) -> None:
    """Our server, until SIGTERM."""

    async def echo(request: Request) -> Response:
        return Response(200, request.body)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serving_http(echo, Listener(LOOPBACK, port, None).open()):
        await stop.wait()


async def echo_asgi(_: Any, receive: Any, send: Any) -> None:
    """The same as an ASGI application without a framework."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def our_call(client: HttpClient, port: int) -> Call:
    async def call() -> bytes:
        return (await client.post(f"{LOOPBACK}:{port}", PATH, BODY, HEADERS)).body

    return call


def pyreqwest_call(client: Any, port: int) -> Call:
    url = f"http://{LOOPBACK}:{port}{PATH}"

    async def call() -> bytes:
        request = client.post(url).headers(HEADERS).body_bytes(BODY).build()
        return bytes(await (await request.send()).bytes())

    return call


def make_pyreqwest() -> Any:
    """A client with the headers that ours sends; None if it is not installed."""
    try:
        builder = import_module("pyreqwest.client").ClientBuilder()
    except ModuleNotFoundError:
        print("pyreqwest is left out. To measure it: .venv/bin/pip install pyreqwest==0.15.1")
        return None
    common = {"Authorization": "Bearer key", "Content-Type": "application/json"}
    return builder.default_headers(common).timeout(timedelta(seconds=5)).http1_only().build()


async def measure(call: Call, in_flight: int, server: int) -> Cost:
    """One round."""
    assert await call() == BODY
    count, end = 0, time.perf_counter() + ROUND_SECONDS

    async def go_on() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await call()
            count += 1

    started, pids = time.perf_counter(), (os.getpid(), server)
    before = [cpu_seconds(pid) for pid in pids]
    await asyncio.gather(*(go_on() for _ in range(in_flight)))
    used = [cpu_seconds(pid) - then for pid, then in zip(pids, before, strict=True)]
    wall = time.perf_counter() - started
    return Cost(*(seconds * 1e6 / count for seconds in (wall, *used)))


async def compare() -> None:
    """Prints medians of all rounds as a table of Markdown, each with its ratio to ours."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    costs: defaultdict[tuple[str, str, int], list[Cost]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {}
        for name, words in SERVERS.items():
            port = free_port()
            process = Process([sys.executable, *words, port], SERVER_CORE)
            stack.callback(process.stop)
            wait_for_port(process, port)
            servers[name] = (process.pid, port)
        ours = stack.enter_context(closing(HttpClient()))
        pyreqwest = make_pyreqwest()
        for _, (name, (pid, port)) in product(range(ROUNDS), servers.items()):
            calls = {OURS: our_call(ours, port)}
            if pyreqwest is not None:
                calls["pyreqwest"] = pyreqwest_call(pyreqwest, port)
            for (client, call), in_flight in product(calls.items(), IN_FLIGHT):
                costs[client, name, in_flight].append(await measure(call, in_flight, pid))
    print("| client | server | in flight | µs a call | client's CPU | server's CPU |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    medians = {key: Cost(*map(statistics.median, zip(*c, strict=True))) for key, c in costs.items()}
    for (client, server, in_flight), cost in sorted(medians.items(), key=lambda item: item[0][2]):
        best = medians[OURS, OURS, in_flight]
        cells = (f"{a:.0f} ({a / b:.1f})" for a, b in zip(cost, best, strict=True))
        print(f"| {client} | {server} | {in_flight} | {' | '.join(cells)} |")


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[2])) if sys.argv[1:2] == ["serve"] else compare())
