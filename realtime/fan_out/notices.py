"""A user joins a chat while connected: their sockets begin to hear it.

Usually the join's own control entry in the chat's stream does it. This module wakes a node that
does not hear that chat yet, and repairs the cases in which the entry was missed. Notices may be
late, doubled or stale, so they prove nothing: the stream or chats must confirm. A user's topic is
heard while they have a socket here and a minute longer.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from common.process.rest import NEVER, Rest
from common.protocol.chats import Joined
from common.protocol.errors import Refusal
from common.protocol.notices import unpack_notice, unpack_notices
from common.valkey.topics import Topics
from realtime.fan_out.hub import Hub, Listener, Person, Room
from realtime.fan_out.replay import arrival
from realtime.fan_out.rooms import LINGER_SECONDS, REORDER_GRACE_SECONDS, SWEEP_SECONDS, Rooms
from realtime.fan_out.subscriptions import Subscriptions
from realtime.fan_out.upstream import Chats, insist
from realtime.protocol.frames import event_frames, text_frame
from realtime.tasks import Spawn

REPEATED_SECONDS: Final = 6.0  # for which digests repeat a join, during an outage for longer
USERS_A_TURN: Final = 500  # whose memberships are read at once after an outage
MAX_ROUNDS: Final = 25  # of slices; a chat that outpaces us is left to the next notice
RETRY_SECONDS: Final = 0.1

_decode_joined = msgspec.json.Decoder(Joined).decode


class Notices:
    """Makes sockets hear the chats that their user has joined."""

    def __init__(
        self,
        hub: Hub,
        rooms: Rooms,
        chats: Chats,
        subscriptions: Subscriptions,
        topics: Topics,
        spawn: Spawn,
        rest: Rest = NEVER,
    ) -> None:
        self._rest = rest
        self._hub = hub
        self._rooms = rooms
        self._chats = chats
        self._subscriptions = subscriptions
        self._topics = topics
        self._spawn = spawn
        self._arriving: set[tuple[str, str]] = set()

    def hear(self, person: Person) -> None:
        """Hears notices for a user with a socket here; safe to repeat."""
        self._subscriptions.add(self._topics.user(person.user), partial(self._receive, person.user))

    def receive_markers(self, data: bytes) -> None:
        """Markers that chats has moved, of any users. Raises msgspec.DecodeError."""
        people = self._hub.people
        for user, origin, text in unpack_notices(data):
            if user in people:
                self._tell(user, origin, text)

    async def sweep(self) -> None:
        """Stops hearing users who have been gone for a minute; until cancelled."""
        while True:
            await self._rest.pause(SWEEP_SECONDS, 2 * SWEEP_SECONDS)
            for person in self._hub.take_idle_people(LINGER_SECONDS):
                self._subscriptions.remove(self._topics.user(person.user))

    def _receive(self, user: str, data: bytes) -> None:
        if (told := unpack_notice(data)) is not None:
            self._tell(user, *told)
            return
        joined = _decode_joined(data)
        self.join(user, joined.chat, joined.seq)

    def _tell(self, user: str, origin: str, text: bytes) -> None:
        """Tells all sockets of the user except the one of that name; one that joins gets it after
        `ready`, which may contain it already."""
        person = self._hub.people.get(user)
        sockets = person.sockets if person else ()
        others = [one for one in sockets if not origin or one.name != origin]
        if others:
            frame = text_frame(text)
            for listener in others:
                listener.write(frame)

    def join(self, user: str, chat: str, seq: int) -> None:
        """A notice says that the user is in this chat from `seq` on."""
        person = self._hub.people.get(user)
        if person is None or not person.sockets or seq <= person.left.get(chat, 0):
            return
        room = self._rooms.find(chat)
        if room is None:
            self._rooms.learn(self._rooms.open(chat, seq - 1), seq)
        elif room.stream.head < seq:
            self._rooms.learn(room, seq, REORDER_GRACE_SECONDS)
        elif self._absent(user, room, seq) and (user, chat) not in self._arriving:
            # The entry has passed: the user had no socket here then, or has been removed since.
            self._arriving.add((user, chat))
            self._spawn(self._arrive(user, room, seq))

    def join_again(self, user: str, chat: str, seq: int) -> None:
        """A digest repeats a notice. It may be older than all sockets of the user, who may have
        been removed before they came: while these are new, none of them hears of a chat that the
        user is not in any more."""
        person = self._hub.people.get(user)
        if (
            person is None
            or self._rooms.find(chat)
            or self._hub.seconds_here(person) > REPEATED_SECONDS
        ):
            self.join(user, chat, seq)
        elif (user, chat) not in self._arriving:
            self._arriving.add((user, chat))
            self._spawn(self._confirm(user, chat, seq))

    async def _confirm(self, user: str, chat: str, seq: int) -> None:
        try:
            ask = partial(self._chats.memberships, user)
            memberships = await insist(ask, every_seconds=RETRY_SECONDS)
        finally:
            self._arriving.discard((user, chat))
        if chat in memberships.heads:
            self.join(user, chat, seq)
        elif (person := self._hub.people.get(user)) is not None:
            person.leave(chat, seq)

    async def find_lost_joins(self) -> None:
        """Reads the memberships of all users with a socket here, and joins them to chats that they
        do not hear. Asks until chats has answered."""
        users = [person.user for person in self._hub.people.values() if person.sockets]
        for start in range(0, len(users), USERS_A_TURN):
            find = partial(self._unheard, users[start : start + USERS_A_TURN])
            wanted = await insist(find, every_seconds=RETRY_SECONDS)
            ask = partial(self._chats.joins, wanted)
            seqs = await insist(ask, every_seconds=RETRY_SECONDS)
            for (user, chat), seq in zip(wanted, seqs, strict=True):
                if seq:
                    self.join(user, chat, seq)

    async def _unheard(self, users: Sequence[str]) -> list[tuple[str, str]]:
        """(user, chat) of memberships that a socket of theirs does not hear."""
        found = []
        memberships = await asyncio.gather(*map(self._chats.memberships, users))
        for user, (heads, _) in zip(users, memberships, strict=True):
            person = self._hub.people.get(user)
            for listener in tuple(person.sockets) if person else ():
                heard = {room.chat for room in listener.rooms}
                found += [
                    (user, chat)
                    for chat, head in heads.items()
                    if chat not in heard
                    and (listener.joining is None or not listener.joining.covers(chat, head))
                ]
            await asyncio.sleep(0)  # a user may be in thousands of chats
        return list(dict.fromkeys(found))

    def _absent(self, user: str, room: Room, seq: int) -> list[Listener]:
        """The user's sockets that should hear the room if the user is in. One that is joining may
        learn of it from its memberships."""
        person = self._hub.people.get(user)
        return [
            listener
            for listener in (person.sockets if person else ())
            if listener not in room.listeners
            and (listener.joining is None or not listener.joining.covers(room.chat, seq))
        ]

    async def _arrive(self, user: str, room: Room, seq: int) -> None:
        try:
            with room.held():
                while self._absent(user, room, seq):
                    try:
                        if room.chat in (await self._chats.memberships(user)).heads:
                            await self._catch_up(user, room, seq)
                        return
                    except Refusal:
                        await asyncio.sleep(RETRY_SECONDS)  # the notice is not repeated for so long
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
