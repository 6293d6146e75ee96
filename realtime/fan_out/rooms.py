"""The chats that this node hears. Rooms owns everything that belongs to a room: its topics on the
bus, its stream, its listeners and the repair of its gaps.

A room is heard while it has listeners and a minute longer. Its head was read before its topic was
subscribed, so afterwards heads are compared, in one batch for all new rooms.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

from common.process.rest import NEVER, Rest
from common.valkey.topics import Topics
from common.valkey.valkey import AnyBus
from realtime.fan_out.hub import Hub, Room
from realtime.fan_out.repair import Repair
from realtime.fan_out.upstream import Chats, insist

REORDER_GRACE_SECONDS: Final = 0.03  # two replicas may publish out of order
LINGER_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 0.25
# A node may hear a hundred thousand chats: loops over all of them yield in between.
ROOMS_A_TURN: Final = 250
HEADS_A_TURN: Final = 2_000


class Rooms:
    """Only the relay looks up `by_topic` and `by_typing_topic`, and nobody else changes them."""

    def __init__(
        self,
        hub: Hub,
        bus: AnyBus,
        topics: Topics,
        chats: Chats,
        repair: Repair,
        rest: Rest = NEVER,
    ) -> None:
        self._rest = rest
        self.by_topic: dict[bytes, Room] = {}
        self.by_typing_topic: dict[bytes, Room] = {}
        self._hub = hub
        self._bus = bus
        self._topics = topics
        self._chats = chats
        self._repair = repair
        self._unconfirmed: dict[Room, None] = {}  # in the order in which they were opened
        self._news = asyncio.Event()

    def find(self, chat: str) -> Room | None:
        return self._hub.rooms.get(chat)

    def find_all(self) -> list[Room]:
        return list(self._hub.rooms.values())

    def open(self, chat: str, head: int) -> Room:
        """A room from `head` on; it is subscribed and then compared."""
        room = self._hub.open_room(chat, head)
        topic, typing = self._topics.chat(chat), self._topics.typing(chat)
        self.by_topic[topic.encode()] = room
        self.by_typing_topic[typing.encode()] = room
        self._bus.subscribe(topic)
        self._bus.subscribe(typing)
        self._unconfirmed[room] = None
        self._news.set()
        return room

    def drop(self, room: Room) -> None:
        """No socket hears it here any more."""
        room.is_closed = True
        self._unconfirmed.pop(room, None)  # the bus may be down for days
        self._hub.forget_room(room)
        topic, typing = self._topics.chat(room.chat), self._topics.typing(room.chat)
        if self.by_topic.get(topic.encode()) is not room:
            return  # it was dropped before, and another one may have its topics
        self.by_topic.pop(topic.encode(), None)
        self.by_typing_topic.pop(typing.encode(), None)
        self._bus.unsubscribe(topic)
        self._bus.unsubscribe(typing)

    def drop_all(self) -> None:
        """The database was restored: the chats' logs are no longer the same."""
        self._hub.forget_departures()
        for room in self.find_all():
            self.drop(room)

    def learn(self, room: Room, head: int, wait_seconds: float = 0.0) -> None:
        """The chat is said to have reached `head`: missing events are fetched."""
        if not room.is_closed and room.stream.learn(head):
            self.repair(room, wait_seconds)

    def repair(self, room: Room, wait_seconds: float = 0.0) -> None:
        """Fetches what is missing, unless it arrives by itself within `wait_seconds`."""
        self._repair.want(room, wait_seconds)

    async def reach(self, room: Room, head: int) -> None:
        """Returns soon after the room's stream has reached `head`."""
        await self._repair.reach(room, head)

    async def compare(self, rooms: Sequence[Room]) -> None:
        """Asks for the rooms' heads until chats has answered, and repairs rooms that are behind."""
        for start in range(0, len(rooms), HEADS_A_TURN):
            await self._compare_some(rooms[start : start + HEADS_A_TURN])

    async def _compare_some(self, rooms: Sequence[Room]) -> None:
        def ask() -> Awaitable[dict[str, int]]:  # each time with the current heads
            return self._chats.heads({room.chat: room.stream.head for room in rooms})

        for chat, head in (await insist(ask, every_seconds=RETRY_SECONDS)).items():
            if (room := self.find(chat)) is not None:
                self.learn(room, head)

    async def confirm(self) -> None:
        """Compares the heads of new rooms once they are subscribed, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            rooms = list(self._unconfirmed)
            if await self._bus.settled():
                for room in rooms:
                    self._unconfirmed.pop(room, None)
                await self.compare(rooms)
            else:  # the bus is down or coming up: chats is polled meanwhile
                self._news.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def sweep(self) -> None:
        """Drops rooms that have had no listeners for a minute, until cancelled."""
        while True:
            await self._rest.pause(SWEEP_SECONDS, 2 * SWEEP_SECONDS)
            await self.drop_idle(LINGER_SECONDS)

    async def drop_idle(self, seconds: float) -> None:
        """Drops rooms that have had no listeners for so long."""
        for number, room in enumerate(self._hub.list_idle_rooms(seconds), 1):
            if self._hub.is_idle(room, seconds):  # no listener came while we yielded
                self.drop(room)
            if number % ROOMS_A_TURN == 0:
                await asyncio.sleep(0)
