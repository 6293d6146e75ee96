"""When an engine in a container was started, as it reports itself: reveals restarts between two
looks."""

import asyncio
import re
import time
from typing import Final

from fleet.processes.probe import Address
from ops.doctor.queries import ask_start
from ops.passwords import database_url

TIMEOUT_SECONDS: Final = 2
_VALKEY_UPTIME: Final = re.compile(rb"^uptime_in_seconds:(\d+)", re.MULTILINE)
_ASK: Final = {
    "valkey": b"AUTH ops none\r\nINFO server\r\n",  # deploy/valkey/ops.acl
    "cache": b"INFO server\r\n",
}


async def engine_start(service: str, role: str, address: Address) -> float:
    """In Unix seconds, approximately; 0 if it does not report it. HAProxy does not: it reports the
    start of its worker, which it replaces on every reload."""
    if role == "postgres":
        return await ask_start(database_url(service.removesuffix("-database")))
    if role not in _ASK:
        return 0.0
    uptime = await _valkey_uptime(_ASK[role], address)
    return 0.0 if uptime is None else time.time() - uptime


async def _valkey_uptime(ask: bytes, address: Address) -> float | None:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(ask)
                said = b""
                while not (found := _VALKEY_UPTIME.search(said)):
                    data = await reader.read(4096)
                    if not data:
                        return None
                    said += data
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return float(found[1])
