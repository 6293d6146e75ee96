"""Which topics this node hears: a room's while somebody listens and a minute longer, a person's
while they have a socket here and a minute longer.

A room's head was read before its topic was subscribed, so afterwards heads are compared, in one
batch for all rooms that are new.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from common.valkey.bus import Bus
from common.valkey.topics import Topics
from realtime.hub import Hub, Person, Room
from realtime.relay import Relay

LINGER_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 0.25


class Subscriptions:
    """`compare` asks chats for the heads of rooms; `on_notice` gets a person's notices."""

    def __init__(
        self,
        bus: Bus,
        hub: Hub,
        relay: Relay,
        topics: Topics,
        compare: Callable[[list[Room]], Awaitable[None]],
        on_notice: Callable[[str, bytes], None],
    ) -> None:
        self._bus = bus
        self._hub = hub
        self._relay = relay
        self._topics = topics
        self._compare = compare
        self._on_notice = on_notice
        self._unconfirmed: list[Room] = []
        self._news = asyncio.Event()

    def open_room(self, chat: str, head: int) -> Room:
        """A room from `head` on, subscribed and then compared."""
        room = self._hub.open_room(chat, head)
        topic, typing = self._topics.chat(chat), self._topics.typing(chat)
        self._relay.rooms[topic.encode()] = room
        self._relay.typing[typing.encode()] = room
        self._bus.subscribe(topic)
        self._bus.subscribe(typing)
        self._unconfirmed.append(room)
        self._news.set()
        return room

    def hear_person(self, person: Person) -> None:
        """Notices for a person with a socket here; safe to repeat."""
        topic = self._topics.user(person.user)
        if topic.encode() not in self._relay.handlers:
            user = person.user
            self._relay.handlers[topic.encode()] = lambda data: self._on_notice(user, data)
            self._bus.subscribe(topic)

    async def confirm(self) -> None:
        """Compares the heads of new rooms once they are heard, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            rooms, self._unconfirmed = self._unconfirmed, []
            if await self._bus.settled():
                await self._compare(rooms)
            else:  # the bus is down or coming up: chats is polled meanwhile
                self._unconfirmed += rooms
                self._news.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def sweep(self, clock: Callable[[], float]) -> None:
        """Unsubscribes what nobody has listened to for a minute, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            rooms, people = self._hub.take_idle(clock() - LINGER_SECONDS)
            for room in rooms:
                self.drop_room(room)
            for person in people:
                topic = self._topics.user(person.user)
                self._relay.handlers.pop(topic.encode(), None)
                self._bus.unsubscribe(topic)

    def drop_room(self, room: Room) -> None:
        """The hub has forgotten it."""
        room.is_closed = True
        topic, typing = self._topics.chat(room.chat), self._topics.typing(room.chat)
        self._relay.rooms.pop(topic.encode(), None)
        self._relay.typing.pop(typing.encode(), None)
        self._bus.unsubscribe(topic)
        self._bus.unsubscribe(typing)
