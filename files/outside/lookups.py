"""Look-ups of names that users have chosen, separate from those that this process itself needs.

The event loop looks up names in a small shared thread pool, and a thread that waits for a
nameserver cannot be ended: names whose servers never answer would keep the process from reaching
other services.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Final

AT_ONCE: Final = 64  # a thread each, until the nameserver times out: about 20 s


class Lookups:
    """For one purpose; look-ups beyond the limit wait."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._room = asyncio.Semaphore(at_once)

    async def find(self, host: str, port: int) -> list[str]:
        """All addresses that the name leads to. Raises OSError, ValueError."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()

        def settle(addresses: list[str], error: Exception | None) -> None:
            self._room.release()
            if found.done():  # nobody is waiting any more
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

        # Not from a pool: the process would wait for its threads at exit.
        try:
            threading.Thread(target=look_up, name="look up", daemon=True).start()
        except RuntimeError as error:
            self._room.release()
            raise OSError("the system gives no thread") from error
        return await found
