"""A chat becomes somebody's while they are connected: their sockets begin to hear it.

Mostly the join's own control entry does it, in the chat's stream. Here is what wakes a node that
does not listen to that chat yet, and what mends the cases in which the entry went by unseen.
Notices may be late, doubled or stale, so they prove nothing: the stream or chats must confirm.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from common.protocol.chats import Joined
from common.protocol.errors import Refusal
from realtime.frames import event_frames
from realtime.hub import Hub, Listener, Room
from realtime.relay import REORDER_GRACE_SECONDS
from realtime.repair import Repair
from realtime.replay import arrival
from realtime.upstream import Chats

MAX_ROUNDS: Final = 25  # of slices; a chat that runs away from us is left to the next notice
RETRY_SECONDS: Final = 0.1

_decode_joined = msgspec.json.Decoder(Joined).decode


class Notices:
    """Makes sockets hear what their person has joined."""

    def __init__(
        self,
        hub: Hub,
        chats: Chats,
        repair: Repair,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        open_room: Callable[[str, int], Room],
    ) -> None:
        self._hub = hub
        self._chats = chats
        self._repair = repair
        self._spawn = spawn
        self._arriving: set[tuple[str, str]] = set()
        self._open_room = open_room

    def receive(self, user: str, data: bytes) -> None:
        """From the person's topic. Raises msgspec.DecodeError."""
        joined = _decode_joined(data)
        self.join(user, joined.chat, joined.seq)

    def join(self, user: str, chat: str, seq: int) -> None:
        """From `seq` on this chat is theirs, says somebody."""
        person = self._hub.people.get(user)
        if person is None or not person.sockets:
            return
        room = self._hub.rooms.get(chat)
        if room is None:
            room = self._open_room(chat, seq - 1)
            room.stream.learn(seq)
            self._repair.want(room)
        elif room.stream.head < seq:
            room.stream.learn(seq)
            self._repair.want(room, REORDER_GRACE_SECONDS)
        elif self._absent(user, room, seq) and (user, chat) not in self._arriving:
            # The entry has passed: they were not known here then, or have been removed since.
            self._arriving.add((user, chat))
            self._spawn(self._arrive(user, room, seq))

    def _absent(self, user: str, room: Room, seq: int) -> list[Listener]:
        """Their sockets that should hear the room if they are in. One that is joining may learn it
        from its memberships."""
        person = self._hub.people.get(user)
        return [
            listener
            for listener in (person.sockets if person else ())
            if listener not in room.listeners
            and (listener.joining is None or not listener.joining.covers(room.chat, seq))
        ]

    async def _arrive(self, user: str, room: Room, seq: int) -> None:
        try:
            if room.chat in await self._chats.memberships(user):
                await self._catch_up(user, room, seq)
        except Refusal:
            return  # the digest repeats the notice
        finally:
            self._arriving.discard((user, room.chat))

    async def _catch_up(self, user: str, room: Room, seq: int) -> None:
        lines: list[bytes] = []
        last = seq - 1
        for _ in range(MAX_ROUNDS):
            found = await self._chats.slice(room.chat, last)
            part = arrival(found, user, room.stream.head)
            if part.is_in is False or room.is_closed:
                return
            lines = part.lines if part.is_in else lines + part.lines
            last = part.last
            if last >= room.stream.head:
                for listener in self._absent(user, room, seq):
                    if lines:
                        listener.write(event_frames(b"\n".join(lines)))
                    self._hub.attach(listener, room)
                return
            if not found.events:
                await asyncio.sleep(RETRY_SECONDS)
