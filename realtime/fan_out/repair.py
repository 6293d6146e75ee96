"""Fills gaps: events that a room misses are fetched from chats once for all its listeners."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from common.process.tasks import set_unless_done
from common.protocol.chats import Slice
from common.protocol.errors import Refusal
from common.protocol.payload import Payload
from realtime.counters import Counters
from realtime.fan_out.hub import Room
from realtime.fan_out.replay import first_seq
from realtime.tasks import Spawn

RETRY_SECONDS: Final = 0.2


class Repair:
    """`fetch` asks chats for the events after a seq; `take` delivers them; `abandon` gets a room
    whose gap can no longer be filled."""

    def __init__(
        self,
        fetch: Callable[[str, int], Awaitable[Slice]],
        take: Callable[[Room, Payload], None],
        abandon: Callable[[Room], None],
        spawn: Spawn,
        counters: Counters,
    ) -> None:
        self._fetch = fetch
        self._take = take
        self._abandon = abandon
        self._spawn = spawn
        self._counters = counters

    def want(self, room: Room, wait_seconds: float = 0.0) -> None:
        """Fills the room's gap, unless it has been filled by then. One at a time per room."""
        if not room.is_repairing:
            room.is_repairing = True
            self._spawn(self._fill(room, wait_seconds))

    async def reach(self, room: Room, head: int) -> None:
        """Returns soon after the room's stream has reached `head`."""
        if room.stream.head >= head:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        room.waiters.append((head, partial(set_unless_done, reached, None)))
        room.stream.learn(head)
        self.want(room)
        await reached

    async def _fill(self, room: Room, wait_seconds: float) -> None:
        try:
            if wait_seconds:
                await asyncio.sleep(wait_seconds)
            while room.stream.is_behind and not room.is_closed:
                self._counters.repairs += 1
                known = room.stream.known
                try:
                    found = await self._fetch(room.chat, room.stream.head)
                except Refusal:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                self._apply(room, found, known)
                if not found.events and room.stream.is_behind:
                    await asyncio.sleep(RETRY_SECONDS)  # committed, but not visible there yet
        finally:
            room.is_repairing = False

    def _apply(self, room: Room, found: Slice, known_when_asked: int) -> None:
        if found.events:
            payload = payload_of(found)
            if payload.first > room.stream.head + 1:  # the chat has ended and is being purged
                self._abandon(room)
                return
            self._take(room, payload)
        room.stream.learn(found.head)
        room.stream.settle(found.head, known_when_asked)


def payload_of(found: Slice) -> Payload:
    """The slice in the form of a published payload."""
    events = [bytes(event) for event in found.events]
    return Payload(first_seq(found), len(events), found.controls, b"\n".join(events))
