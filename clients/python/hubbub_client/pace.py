"""How fast pending changes are sent. Rates are per user, so some refusals hold back all chats;
after any other failure, only its chat waits. Must not know what is sent."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Final

# Across all chats. Each may be refused once a second, and 200 refused frames in 10 s end the socket
# for good.
MAX_UNANSWERED: Final = 10
FIRST_PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 10.0
MAX_HOLD_SECONDS: Final = 60.0  # whatever the server names: a proxy may say hours


class Pace:
    """Each attempt is made in a `turn`."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(MAX_UNANSWERED)
        self._held_until = 0.0  # on the clock of the loop
        self._hurried = asyncio.Event()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until few enough attempts are under way, and nothing is held."""
        async with self._room:
            while (seconds := self._held_until - _now()) > 0:
                await self._wait(seconds)
            yield

    def hold(self, seconds: float) -> None:
        """No turn begins for so long."""
        self._held_until = max(self._held_until, _now() + min(seconds, MAX_HOLD_SECONDS))

    async def pause(self, failures: int, seconds: float = 0.0) -> None:
        """After so many failures in a row; for `seconds` if the server named them."""
        if seconds > 0:
            await self._wait(min(seconds, MAX_HOLD_SECONDS))
            return
        bound = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10))
        await self._wait(bound * random.random())  # noqa: S311 - jitter

    def hurry(self) -> None:
        """There is a new socket: ends all waits."""
        self._held_until = 0.0
        self._hurried.set()
        self._hurried = asyncio.Event()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
