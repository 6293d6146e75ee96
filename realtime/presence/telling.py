"""Tells other nodes about this node's users: those that they ask for, and changes of watched ones.

For watched users, what was said is stored in Valkey too, for nodes that begin to watch them after
this one is gone.
"""

from collections.abc import Callable, Iterable
from typing import Final

from common.valkey.valkey import Valkey
from realtime.counters import Counters
from realtime.fan_out.hub import Hub, Person
from realtime.presence.home import Home
from realtime.presence.messages import THERE, Asks, SaidOf, Tells, encode, encode_kept

ROLE: Final = "presence"  # of the leases
LEASE_MS: Final = 7_500
KEPT_SECONDS: Final = 120  # stored messages, after the node's last beat
USERS_A_MESSAGE: Final = 500


class Teller:
    """`node` is a name that no other process has or had."""

    def __init__(
        self,
        node: str,
        hub: Hub,
        valkey: Valkey,
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self._node = node
        self._hub = hub
        self._valkey = valkey
        self._topics = valkey.topics
        self._counters = counters
        self._clock = clock
        self._home = Home()
        # Of watched users, the gist; only if all nodes that watch them were told the same.
        self._said: dict[str, tuple[bool, bool]] = {}
        self._unkept: set[str] = set()
        self._unasked: set[str] = set()  # no node has asked about them since they were last told
        hub.watch_people(self._note)

    @property
    def watched(self) -> int:
        """Users of this node whom somebody watches."""
        return len(self._home)

    async def answer(self, asks: Asks) -> None:
        """Answers another node. Stores the answer first, because it may be all that is left of this
        node a moment later."""
        self._unasked.difference_update(asks.users)
        unwatched = [user for user in asks.users if not self._home.is_watched(user)]
        if fresh := self.say(unwatched):
            for one in fresh:
                self._home.watch(one.user, self._clock())
                self._unkept.add(one.user)
            await self.keep()
        # Nobody is noted as told: other nodes that watch them may lack the news, or the arrival.
        found = self.say(asks.users)
        for one in found:
            if self._said.get(one.user) != _gist(one):
                self._said.pop(one.user, None)
        if found or asks.number:
            topic = self._topics.presence_node(asks.node)
            told = Tells(self._node, asks.number, found)
            self._valkey.publish([(topic, encode(told))])

    def say(self, users: Iterable[str]) -> list[SaidOf]:
        """States of those of them who are here, or were recently."""
        now = self._clock()
        people = [person for user in users if (person := self._hub.people.get(user)) is not None]
        return [_say(person, now) for person in people]

    def tell_of_all(self) -> None:
        """Recent questions and messages may be lost: everybody who is here counts as new."""
        now = self._clock()
        self._said.clear()
        for person in self._hub.people.values():
            self._home.note(person.user, now, arrives=True)

    async def tell(self) -> None:
        """Publishes what is new, a message for each user and node that watches them."""
        due = self._home.take_due(self._clock())
        for start in range(0, len(due), USERS_A_MESSAGE):
            await self._tell_of(due[start : start + USERS_A_MESSAGE])
        if self._unkept:
            await self.keep()

    async def keep(self) -> bool:
        """Stores in Valkey what was said of watched users, with a lease; returns whether it is
        there."""
        unkept, self._unkept = self._unkept, set()
        now, now_ms = self._clock(), self._valkey.now_ms()
        values: dict[str, str] = {}
        gone: list[str] = []
        for user in unkept:
            person = self._hub.people.get(user)
            if person is None or not self._home.is_watched(user):
                gone.append(user)
            else:
                values[user] = encode_kept(_say(person, now), now_ms)
        key = self._topics.presence_of(self._node)
        is_kept = await self._valkey.keep_fields(key, values, gone, seconds=KEPT_SECONDS)
        if not is_kept:
            self._unkept |= unkept
        return await self._valkey.renew_lease(ROLE, self._node, LEASE_MS) and is_kept

    def forget_gone(self) -> None:
        """Drops users whom the hub has forgotten."""
        for user in self._home.list_watched():
            if user not in self._hub.people:
                self._forget(user)

    def _note(self, person: Person, arrives: bool) -> None:
        self._home.note(person.user, self._clock(), arrives=arrives)

    async def _tell_of(self, users: Iterable[str]) -> None:
        people = [one for one in self.say(users) if self._said.get(one.user) != _gist(one)]
        self._unasked = {one.user for one in people}
        heard = await self._valkey.publish(
            (self._topics.presence(one.user), encode(Tells(self._node, 0, [one]))) for one in people
        )
        if heard is None:
            for one in people:
                self._said.pop(one.user, None)
                self._home.note(one.user, self._clock(), arrives=True)
            return
        for one, nodes in zip(people, heard, strict=True):
            self._counters.presence_told += nodes
            if nodes:
                self._note_said(one)
            elif one.user in self._unasked:
                self._forget(one.user)

    def _note_said(self, one: SaidOf) -> None:
        """Records that somebody has received it. Their state may have changed meanwhile."""
        now = self._clock()
        self._home.watch(one.user, now)
        self._unkept.add(one.user)
        if one.user in self._unasked:
            self._said[one.user] = _gist(one)
        else:
            self._said.pop(one.user, None)
        if any(_gist(current) != _gist(one) for current in self.say([one.user])):
            self._home.note(one.user, now, arrives=False)

    def _forget(self, user: str) -> None:
        if self._home.is_watched(user):
            self._home.forget(user)
            self._said.pop(user, None)
            self._unkept.add(user)


def _say(person: Person, now: float) -> SaidOf:
    if person.idle_since is None:
        is_active = any(socket.is_active for socket in person.sockets)
        return SaidOf(person.user, is_active, THERE)
    return SaidOf(person.user, person.was_active, round((now - person.idle_since) * 1000))


def _gist(one: SaidOf) -> tuple[bool, bool]:
    """The part that stays the same when it is said again later."""
    return one.is_active, one.gone_ms == THERE
