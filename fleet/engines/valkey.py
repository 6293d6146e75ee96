"""Valkey on one machine: the bus, and the caches. Nothing in it outlives its process.

Knows the server's command line; knows nothing of topics and keys.
"""

import asyncio
from pathlib import Path

from fleet.engines.binaries import valkey_program
from fleet.processes.ports import LOOPBACK

_COMMON = {
    "bind": LOOPBACK,
    "save": "",
    "appendonly": "no",
    "daemonize": "no",
    "protected-mode": "yes",
    "tcp-backlog": "511",
    "tcp-keepalive": "10",
    "hz": "1",  # of background tasks; the usual 10 cause most of an idle server's CPU use
}
ANSWER_SECONDS = 1.0
BUS_SOCKET = "valkey.sock"  # in its working directory
_BUS = {
    "unixsocket": BUS_SOCKET,
    # A node that cannot keep up is disconnected, notices it and catches up from chats.
    "client-output-buffer-limit": "pubsub 64mb 32mb 10",
    "maxclients": "2000",
}
_CACHE = {"maxmemory-policy": "allkeys-lru", "maxclients": "500"}


def bus_command(port: int, rules: Path | None = None) -> list[str | Path]:
    """The server that carries events and leases. `rules` is an ACL file; without it everything
    is allowed."""
    return _command(port, _BUS, rules)


def cache_command(port: int, rules: Path, memory: str = "64mb") -> list[str | Path]:
    """One node of the cache: bounded, with eviction of the least recently used keys."""
    return _command(port, {"maxmemory": memory, **_CACHE}, rules)


def _command(port: int, settings: dict[str, str], rules: Path | None) -> list[str | Path]:
    command: list[str | Path] = [valkey_program(), "--port", str(port)]
    for name, value in {**_COMMON, **settings}.items():
        command += [f"--{name}", *(value.split(" ") if value else [""])]
    return [*command, "--aclfile", rules] if rules else command


async def answers_ping(port: int) -> bool:
    """Whether the server answers on its port, even if only by demanding a password."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith((b"+PONG", b"-NOAUTH"))
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
