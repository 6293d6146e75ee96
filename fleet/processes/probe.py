"""One HTTP request to a process: whether it answers, and what."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlencode

from fleet.processes.ports import LOOPBACK


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def http_status(
    port: int, path: str, timeout: float = 1.0, host: str = LOOPBACK
) -> int | None:
    """The status of a GET, None if nothing answered within `timeout` seconds."""
    return (await _get(Address(host, port), path, timeout))[0]


async def http_body(address: Address, path: str, timeout: float = 2.0) -> bytes | None:
    """The body of a GET that was answered with 200, None for any other outcome."""
    status, body = await _get(address, path, timeout, with_body=True)
    return body if status == 200 else None


async def http_answer(port: int, path: str) -> tuple[int | None, bytes]:
    """Status and body of a GET; no status if nothing answered within a second."""
    return await _get(Address(LOOPBACK, port), path, 1.0, with_body=True)


def metrics_path(names: Iterable[str]) -> str:
    """The path of these metrics alone: parsing all of a process's takes long."""
    return "/metrics?" + urlencode([("name[]", name) for name in names])


async def _get(
    address: Address, path: str, timeout: float, *, with_body: bool = False
) -> tuple[int | None, bytes]:
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    body = b""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(request.encode())
                words = (await reader.readline()).split()
                if with_body:
                    body = await reader.readexactly(await _content_length(reader))
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError):
        return None, b""
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None, body


async def _content_length(reader: asyncio.StreamReader) -> int:
    length = 0
    while line := (await reader.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return length
