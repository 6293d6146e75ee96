"""One message at a time into one chat: posted by REST, heard by all who have the chat open.

The next one is posted when all have received the last. The listeners are in this process, like the
sender.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from loadtest.peers.exchanging import connect

HEARD_WITHIN_SECONDS: Final = 30.0

Take = Callable[[bytes], None]
Listen = Callable[[int, Take], Awaitable[Callable[[], None]]]
"""Listens as the client of that number from when it returns, until what it returned is called."""


class _Message:
    """One that is under way; `mark` stands in its text."""

    def __init__(self, mark: bytes, listeners: int) -> None:
        self.mark = mark
        self.left = set(range(listeners))
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()


async def deliver(
    port: int, listen: Listen, post: Callable[[str], bytes], listeners: int, seconds: float
) -> list[float]:
    """Milliseconds from a post to each of its receivers. Raises TimeoutError if one does not
    receive it."""
    times: list[float] = []
    message: _Message | None = None
    began = 0.0

    def take(client: int, data: bytes) -> None:
        if message is None or client not in message.left or message.mark not in data:
            return
        message.left.remove(client)
        times.append((time.perf_counter() - began) * 1000)
        if not message.left:
            message.heard.set_result(None)

    def taking(client: int) -> Take:
        return lambda data: take(client, data)

    ends = [await listen(client, taking(client)) for client in range(listeners)]
    poster = await connect(port)
    try:
        number, end = 0, time.monotonic() + seconds
        while not number or time.monotonic() < end:
            number += 1
            text = f"delivery {number}."
            message, began = _Message(text.encode(), listeners), time.perf_counter()
            async with asyncio.timeout(HEARD_WITHIN_SECONDS):
                await asyncio.gather(poster.exchange(post(text)), message.heard)
    finally:
        for stop in (*ends, poster.close):
            stop()
    return times
