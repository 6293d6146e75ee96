"""Look-ups of names that people have chosen, apart from those that this process itself needs.

The loop looks names up in a few threads that all share, and nothing ends one that waits for a
nameserver: people who name servers that never answer would keep the process from its own siblings.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Final

AT_ONCE: Final = 64  # each a thread, for as long as the nameserver is waited for: 20 s or so


class Lookups:
    """For one purpose; what is asked for beyond the bound waits."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._room = asyncio.Semaphore(at_once)

    async def find(self, host: str, port: int) -> list[str]:
        """All addresses that the name leads to. Raises OSError, ValueError."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()

        def settle(addresses: list[str], error: Exception | None) -> None:
            self._room.release()
            if found.done():  # nobody waits any longer
                return
            if error is None:
                found.set_result(addresses)
            else:
                found.set_exception(error)

        def look_up() -> None:
            addresses: list[str] = []
            failure: Exception | None = None
            try:
                infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = [str(sockaddr[0]) for *_, sockaddr in infos]
            except Exception as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, addresses, failure)

        # No pool's: the end of the process would wait for those.
        try:
            threading.Thread(target=look_up, name="look up", daemon=True).start()
        except RuntimeError as error:
            self._room.release()
            raise OSError("the system gives no thread") from error
        return await found
