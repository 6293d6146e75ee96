"""What chats says about heads, on every way that it says so: digests, polls, comparisons.

While the bus carries, this only catches what was lost; while it does not, polling is how events
come at all.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from common.process.logs import log
from common.protocol.chats import Digest
from common.protocol.errors import Refusal
from realtime.hub import Hub, Room
from realtime.relay import REORDER_GRACE_SECONDS
from realtime.repair import Repair
from realtime.upstream import Chats

COMPARE_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 0.5

_decode_digest = msgspec.json.Decoder(Digest).decode


class Heads:
    """`on_join` gets (user, chat, seq) of every join that chats tells of."""

    def __init__(
        self, hub: Hub, chats: Chats, repair: Repair, on_join: Callable[[str, str, int], None]
    ) -> None:
        self._hub = hub
        self._chats = chats
        self._repair = repair
        self._on_join = on_join
        self._compare_now = asyncio.Event()
        self._poll_now = asyncio.Event()

    def receive_digest(self, data: bytes) -> None:
        """From the bus. Raises msgspec.DecodeError."""
        self._learn(_decode_digest(data), REORDER_GRACE_SECONDS)

    def notice_bus(self, is_up: bool) -> None:
        """What was published while it was down is lost: compare. Until it is up again: poll."""
        if is_up:
            self._poll_now.clear()
            self._compare_now.set()
        else:
            self._poll_now.set()

    async def compare(self, rooms: list[Room]) -> None:
        """Asks for the rooms' heads until chats has answered, and repairs what is behind."""
        while True:
            try:
                differing = await self._chats.heads({r.chat: r.stream.head for r in rooms})
            except Refusal:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for chat, head in differing.items():
                self._learn_head(chat, head, 0.0)
            return

    async def compare_all(self) -> None:
        """Every 30 s and after each reconnect, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(COMPARE_SECONDS):
                    await self._compare_now.wait()
            except TimeoutError:
                pass  # the usual round
            self._compare_now.clear()
            if self._hub.rooms:
                await self.compare(list(self._hub.rooms.values()))

    async def poll(self) -> None:
        """Asks every chats replica for its changes while the bus is down, until cancelled."""
        while True:
            await self._poll_now.wait()
            digests = await self._chats.changes()
            if not digests:
                log("no chats replica answers while the bus is down")
            for digest in digests:
                self._learn(digest, 0.0)
            await asyncio.sleep(POLL_SECONDS)

    def _learn(self, digest: Digest, wait_seconds: float) -> None:
        for chat, head in digest.heads.items():
            self._learn_head(chat, head, wait_seconds)
        for join in digest.joins:
            for user in join.users:
                if user in self._hub.people:
                    self._on_join(user, join.chat, join.seq)

    def _learn_head(self, chat: str, head: int, wait_seconds: float) -> None:
        room = self._hub.rooms.get(chat)
        if room is not None and not room.is_closed and room.stream.learn(head):
            self._repair.want(room, wait_seconds)
