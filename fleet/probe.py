"""One question to a process on this machine over HTTP: are you there?"""

import asyncio

from fleet.ports import LOOPBACK


async def http_status(port: int, path: str, timeout: float = 1.0) -> int | None:
    """The status of a GET on loopback, None when nothing answered in `timeout` seconds."""
    request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(request.encode())
                words = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
