"""Notices a failover while a statement waits.

A server that hangs, or whose machine is cut off, leaves its connections open, and one that was left
by its standbys goes on, but its commits wait for them: nothing shows there that a standby was
promoted meanwhile. A new connection to the new primary does.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

SUSPECT_SECONDS: Final = 2.0  # as long as a request waits for a connection
AGAIN_SECONDS: Final = 1.0


class FailoverProbe:
    """`ask_all` connects to each server and learns which one is the primary."""

    def __init__(self, ask_all: Callable[[], Awaitable[None]]) -> None:
        self._ask_all = ask_all
        self._probing: asyncio.Task[None] | None = None

    @contextmanager
    def while_waiting(self) -> Iterator[None]:
        """Probes again and again if the block takes longer than `SUSPECT_SECONDS`."""
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def suspect() -> None:
            nonlocal timer
            self.probe()
            timer = loop.call_later(AGAIN_SECONDS, suspect)

        timer = loop.call_later(SUSPECT_SECONDS, suspect)
        try:
            yield
        finally:
            timer.cancel()

    def probe(self) -> None:
        """Starts a probe, unless one is in progress or ended less than a second ago."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    async def _run(self) -> None:
        await self._ask_all()
        await asyncio.sleep(AGAIN_SECONDS)


def cut_off(connection: psycopg.AsyncConnection[Any]) -> None:
    """What waits on the connection fails as if the server had closed it."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as same, suppress(OSError):
        same.shutdown(socket.SHUT_RDWR)  # OSError: the other end has closed it


@contextmanager
def bounded(connection: psycopg.AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Cuts the connection off if the block takes longer."""
    timer = asyncio.get_running_loop().call_later(seconds, cut_off, connection)
    try:
        yield
    finally:
        timer.cancel()
