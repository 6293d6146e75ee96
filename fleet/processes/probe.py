"""One HTTP request to a process: whether it answers, and what."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlencode


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Answer(NamedTuple):
    status: int | None
    body: bytes


async def http_answer(address: Address, path: str, timeout: float = 1.0) -> Answer:
    """Status and body of a GET; neither if they have not come within `timeout` seconds."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(request.encode())
                words = (await reader.readline()).split()
                body = await reader.readexactly(await _content_length(reader))
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError):
        return Answer(None, b"")
    return Answer(int(words[1]) if len(words) > 1 and words[1].isdigit() else None, body)


async def http_status(address: Address, path: str, timeout: float = 1.0) -> int | None:
    """The status alone; None if there is no answer."""
    return (await http_answer(address, path, timeout)).status


async def http_body(address: Address, path: str, timeout: float = 2.0) -> bytes | None:
    """The body of a GET that was answered with 200, None for any other outcome."""
    status, body = await http_answer(address, path, timeout)
    return body if status == 200 else None


def metrics_path(names: Iterable[str]) -> str:
    """The path of these metrics alone: parsing all of a process's takes long."""
    return "/metrics?" + urlencode([("name[]", name) for name in names])


async def _content_length(reader: asyncio.StreamReader) -> int:
    length = 0
    while line := (await reader.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return length
