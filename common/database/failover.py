"""Notices a failover while a statement waits.

A server that hangs, or whose machine is cut off, leaves its connections open. One whose standbys
follow another server goes on, but its commits wait for them. Nothing there shows that a standby was
promoted; a new connection to the new primary does.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from common.process.logs import log

SUSPECT_SECONDS: Final = 2.0  # as long as a request waits for a connection
AGAIN_SECONDS: Final = 1.0


class FailoverProbe:
    """`ask_all` connects to each server and learns which one is the primary."""

    def __init__(self, ask_all: Callable[[], Awaitable[None]]) -> None:
        self._ask_all = ask_all
        self._probing: asyncio.Task[None] | None = None
        self._is_closed = False

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
        if not self._is_closed and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends a probe that is in progress, and starts no other one."""
        self._is_closed = True
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    async def _run(self) -> None:
        try:
            await self._ask_all()
        except Exception as error:
            log("servers not asked", level=logging.ERROR, error=repr(error))
        await asyncio.sleep(AGAIN_SECONDS)


def cut_off(connection: psycopg.AsyncConnection[Any]) -> None:
    """What waits on the connection fails as if the server had closed it."""
    if connection.closed:
        return
    same = socket.socket(fileno=connection.fileno())
    with suppress(OSError):  # the other end has closed it
        same.shutdown(socket.SHUT_RDWR)
    same.detach()


@contextmanager
def bounded(connection: psycopg.AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Cuts the connection off if the block takes longer. A cancelled statement would wait for the
    server up to ten seconds more."""
    timer = asyncio.get_running_loop().call_later(seconds, cut_off, connection)
    try:
        yield
    finally:
        timer.cancel()
