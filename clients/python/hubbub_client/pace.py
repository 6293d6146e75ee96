"""How fast pending changes are sent. Rates are per user: a refusal that names a time holds back all
chats. Must not know what is sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

# In all chats. Each may be refused once a second: 200 refused frames in 10 s end the client.
MAX_UNANSWERED: Final = 10


class Pace:
    """Each attempt is made in a `turn`."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(MAX_UNANSWERED)
        self._held_until = 0.0  # on the clock of the loop

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until few enough attempts are under way, and nothing is held."""
        async with self._room:
            while (seconds := self._held_until - _now()) > 0:  # noqa: ASYNC110 - may be held longer
                await asyncio.sleep(seconds)
            yield

    def hold(self, seconds: float) -> None:
        """No turn begins for so long."""
        self._held_until = max(self._held_until, _now() + seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
