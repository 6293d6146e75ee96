"""All sockets of this node, for operations on many at once: revocation, drain, restore."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final, Protocol

from common.process.logs import log
from common.protocol.close_codes import CloseCode

DRAIN_SECONDS: Final = 5.0
DRAIN_BATCHES: Final = 50
MAX_RETURN_DELAY_MS: Final = 3_000
LEAVE_TIMEOUT_SECONDS: Final = 8.0
POLL_SECONDS: Final = 0.02


class Socket(Protocol):
    """A connection that can be ended."""

    session_id: str
    unanswered: int

    @property
    def unsent_bytes(self) -> int: ...

    def end(self, code: CloseCode, reason: str) -> None: ...


class Connections:
    """Open connections, from the first byte on."""

    def __init__(self) -> None:
        self._open: set[Socket] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def unsent_bytes(self) -> int:
        """Bytes written and not yet taken by the kernel, of all sockets."""
        return sum(one.unsent_bytes for one in self._open)

    def add(self, one: Socket) -> None:
        self._open.add(one)

    def discard(self, one: Socket) -> None:
        self._open.discard(one)

    def end_sessions(self, sessions: Sequence[str]) -> None:
        """Closes the sockets of revoked sessions."""
        revoked = set(sessions)
        for one in [one for one in self._open if one.session_id in revoked]:
            one.end(CloseCode.SESSION_REVOKED, "the session is revoked")

    def send_all_away(self) -> None:
        """All clients reconnect, spread over the next seconds."""
        for one in list(self._open):
            send_away(one)

    async def drain(self) -> None:
        """Ends all connections in batches, those with unanswered frames last."""
        everybody = list(self._open)
        random.shuffle(everybody)
        size = max(20, len(everybody) // DRAIN_BATCHES)
        for start in range(0, len(everybody), size):
            _send_away_if_answered(everybody[start : start + size])
            pause = DRAIN_SECONDS / DRAIN_BATCHES
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_SECONDS):
                while self._open:
                    _send_away_if_answered(list(self._open))
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            log("sockets left at the end of the drain", sockets=len(self._open))
        log("drained", sockets=len(everybody))


def _send_away_if_answered(sockets: Sequence[Socket]) -> None:
    for one in sockets:
        if not one.unanswered:
            send_away(one)


def send_away(one: Socket) -> None:
    """Its client reconnects and resumes. The reason is a delay in ms, so that not all reconnect at
    once."""
    delay = random.randrange(MAX_RETURN_DELAY_MS)  # noqa: S311 - spreads load
    one.end(CloseCode.DRAINING, str(delay))
