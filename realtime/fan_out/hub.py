"""Which sockets listen to what on this node. Pure: decides, and leaves writing to the relay.

Control entries name users, but sockets listen: the hub knows which sockets a user has here. A
socket that is still joining is treated separately, because it has no chats until its memberships
are known.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from realtime.fan_out.stream import Stream

MAX_LEFT_CHATS: Final = 1_000  # remembered for each user


class Joining:
    """What happens to a user while one of their sockets joins: the seq at which they last left or
    joined a chat. Memberships were read at some head; only what lies above it counts."""

    __slots__ = ("awaited", "joined", "left")

    def __init__(self) -> None:
        # The heads of those chats of the memberships to which the socket is not attached yet; None
        # until the memberships are known.
        self.awaited: dict[str, int] | None = None
        self.left: dict[str, int] = {}
        self.joined: dict[str, int] = {}

    def covers(self, chat: str, seq: int) -> bool:
        """Whether a join at this seq is, or may be, in the memberships: then it is ignored."""
        return self.awaited is None or seq <= self.awaited.get(chat, 0)


Write = Callable[[bytes], None]


class Listener(Protocol):
    """A socket as the hub and the relay see it. `write` takes whole frames and never waits; a
    socket that replaces it must tell its rooms (`Room.listeners`)."""

    user: str
    write: Write
    is_slow: bool
    is_active: bool
    rooms: "set[Room]"
    joining: Joining | None

    @property
    def name(self) -> str: ...

    def send_away(self) -> None: ...


class Room:
    """One chat on this node: its stream and the sockets that hear it.

    `listeners` holds each one's `write` too: a delivery need not touch the listener, which is
    rarely in the processor's cache. With over a thousand members that saves a third of the relay's
    part.
    """

    __slots__ = (
        "chat",
        "holds",
        "idle_since",
        "is_closed",
        "is_repairing",
        "listeners",
        "stream",
        "waiters",
    )

    def __init__(self, chat: str, head: int) -> None:
        self.chat = chat
        self.stream = Stream(head)
        self.listeners: dict[Listener, Write] = {}
        self.waiters: list[tuple[int, Callable[[], None]]] = []
        self.idle_since: float | None = None
        self.holds = 0  # by callers that will attach a socket: it is not idle meanwhile
        self.is_repairing = False
        self.is_closed = False  # its last event has passed; kept for a while against late notices

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the room while the block waits for something."""
        self.holds += 1
        try:
            yield
        finally:
            self.holds -= 1

    def wake_waiters(self) -> None:
        """Wakes waiters for a head that the stream has reached."""
        waiting, self.waiters = self.waiters, []
        for head, go_on in waiting:
            if self.stream.head >= head:
                go_on()
            else:
                self.waiters.append((head, go_on))


class Person:
    """A user with a socket here, joining or ready; they have had one `since` then. `was_active`:
    whether the last socket was active when it left. `left` has the seq of their last event in chats
    that they have left meanwhile: a notice of an earlier join is stale, even if the room is long
    forgotten."""

    __slots__ = ("idle_since", "left", "since", "sockets", "user", "was_active")

    def __init__(self, user: str) -> None:
        self.user = user
        self.since = 0.0
        self.sockets: list[Listener] = []
        self.idle_since: float | None = None
        self.was_active = True
        self.left: dict[str, int] = {}

    def leave(self, chat: str, seq: int) -> None:
        """Remembers that the user left; above a limit it forgets the oldest."""
        self.left.pop(chat, None)
        self.left[chat] = seq
        if len(self.left) > MAX_LEFT_CHATS:
            del self.left[next(iter(self.left))]


class Hub:
    """Rooms by chat, users by id, and which sockets are in which room."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.rooms: dict[str, Room] = {}
        self.people: dict[str, Person] = {}
        self._clock = clock
        self._note_person: Callable[[Person, bool], None] = lambda _person, _arrives: None

    def watch_people(self, note: Callable[[Person, bool], None]) -> None:
        """`note` is called when a user's sockets change, or whether one is active; with True when
        they get their first one here."""
        self._note_person = note

    def open_room(self, chat: str, head: int) -> Room:
        """A chat that is heard here from `head` on. It is idle until a socket is attached."""
        room = self.rooms[chat] = Room(chat, head)
        room.idle_since = self._clock()
        return room

    def enter(self, listener: Listener) -> Person:
        """A socket joins: from now on it learns of joins and removals."""
        person = self.people.get(listener.user)
        if person is None:
            person = self.people[listener.user] = Person(listener.user)
        if not person.sockets:
            person.since = self._clock()
        person.sockets.append(listener)
        person.idle_since = None
        self._note_person(person, len(person.sockets) == 1)
        return person

    def seconds_here(self, person: Person) -> float:
        """For how long they have had a socket here."""
        return self._clock() - person.since

    def set_active(self, listener: Listener, is_active: bool) -> None:
        """The client says whether its user is active."""
        listener.is_active = is_active
        if (person := self.people.get(listener.user)) is not None:
            self._note_person(person, False)

    def leave(self, listener: Listener) -> None:
        """A socket is gone."""
        for room in listener.rooms:
            room.listeners.pop(listener, None)
            if not room.listeners:
                room.idle_since = self._clock()
        listener.rooms.clear()
        person = self.people.get(listener.user)
        if person is not None and listener in person.sockets:
            person.sockets.remove(listener)
            if not person.sockets:
                person.idle_since = self._clock()
                person.was_active = listener.is_active
            self._note_person(person, False)

    def attach(self, listener: Listener, room: Room) -> None:
        """Hears the room from the next event on."""
        room.listeners[listener] = listener.write
        listener.rooms.add(room)
        room.idle_since = None

    def detach(self, listener: Listener, room: Room) -> None:
        """Hears nothing more of this chat."""
        room.listeners.pop(listener, None)
        listener.rooms.discard(room)
        if not room.listeners:
            room.idle_since = self._clock()

    def newcomers(self, room: Room, users: Iterable[str], seq: int) -> list[Listener]:
        """The sockets that begin to hear the room at `seq`, now attached.

        A socket without memberships yet remembers the join: its memberships may include it.
        """
        found = []
        for user in users:
            person = self.people.get(user)
            for listener in person.sockets if person else ():
                if listener.joining is not None:
                    listener.joining.joined[room.chat] = seq
                    listener.joining.left.pop(room.chat, None)
                    if listener.joining.covers(room.chat, seq):
                        continue
                if listener not in room.listeners:
                    self.attach(listener, room)
                    found.append(listener)
        return found

    def dismiss(self, room: Room, users: Iterable[str], seq: int) -> None:
        """The event at `seq`, which has been delivered, was these users' last one."""
        for user in users:
            person = self.people.get(user)
            if person is not None:
                person.leave(room.chat, seq)
            for listener in person.sockets if person else ():
                if listener.joining is not None:
                    listener.joining.left[room.chat] = seq
                    listener.joining.joined.pop(room.chat, None)
                self.detach(listener, room)

    def close(self, room: Room) -> None:
        """The room's last event has been delivered."""
        room.is_closed = True
        for listener in tuple(room.listeners):
            self.detach(listener, room)
            if (person := self.people.get(listener.user)) is not None:
                person.leave(room.chat, room.stream.head)
        room.idle_since = self._clock()

    def count_present(self) -> int:
        """Users with a socket here; `people` also has those who left a moment ago."""
        return sum(bool(person.sockets) for person in self.people.values())

    def forget_departures(self) -> None:
        """Earlier seqs have no meaning any more."""
        for person in self.people.values():
            person.left.clear()

    def is_idle(self, room: Room, seconds: float) -> bool:
        """Whether it has had no listeners for so long."""
        # A gap may contain the join of a user here: it is filled first, however long chats is
        # down.
        return self._is_past(room.idle_since, seconds) and not (room.holds or room.is_repairing)

    def list_idle_rooms(self, seconds: float) -> list[Room]:
        return [room for room in self.rooms.values() if self.is_idle(room, seconds)]

    def forget_room(self, room: Room) -> None:
        if self.rooms.get(room.chat) is room:
            del self.rooms[room.chat]

    def take_idle_people(self, seconds: float) -> list[Person]:
        """Removes and returns users who have had no socket for so long."""
        idle = [one for one in self.people.values() if self._is_past(one.idle_since, seconds)]
        for person in idle:
            del self.people[person.user]
        return idle

    def _is_past(self, moment: float | None, seconds: float) -> bool:
        return moment is not None and moment < self._clock() - seconds
