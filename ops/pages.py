"""A small HTTP server: metrics for Prometheus, and other paths that its caller provides."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

REQUEST_TIMEOUT_SECONDS: Final = 5.0


@asynccontextmanager
async def serve_pages(
    host: str, port: int, registry: CollectorRegistry, tell: Callable[[str], bytes | None]
) -> AsyncIterator[int]:
    """Answers GET `/metrics`, and other paths with `tell`, for the duration of the block; yields
    the port, a free one if 0 was given."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                    words = (await reader.readline()).split()
                    while (await reader.readline()).strip():
                        pass
                    path = _path(words[1]) if len(words) > 1 else ""
                    body = generate_latest(registry) if path == "/metrics" else tell(path)
                    writer.write(_answer(body))
                    await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _path(target: bytes) -> str:
    return target.decode(errors="replace").partition("?")[0]


def _answer(body: bytes | None) -> bytes:
    status, body = ("404 Not Found", b"") if body is None else ("200 OK", body)
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
