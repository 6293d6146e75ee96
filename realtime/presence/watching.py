"""The users whom sockets of this node watch, and what these sockets are told. Pure.

A change is told at most once a second per user; a change that has been undone by then is not told.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from common.protocol.frames import PresenceState
from realtime.presence.said import KEPT_SECONDS, NEVER, Said, judge

TOLD_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 60.0  # a user whom nobody watches any more is still listened for
ASK_AGAIN_SECONDS: Final = 60.0  # messages may have been lost

Watcher = TypeVar("Watcher")


class _Watched(Generic[Watcher]):
    """`shown` is what the watchers were last told."""

    __slots__ = ("asked_at", "idle_since", "said", "shown", "told_at", "user", "watchers")

    def __init__(self, user: str, now: float) -> None:
        self.user = user
        self.watchers: set[Watcher] = set()
        self.said: dict[str, Said] = {}
        self.shown: PresenceState = "offline"
        self.told_at = -TOLD_SECONDS
        self.asked_at = now
        self.idle_since = now


class Change(NamedTuple, Generic[Watcher]):
    user: str
    state: PresenceState
    watchers: tuple[Watcher, ...]


class Watching(Generic[Watcher]):
    """`now` is given with each call, and never goes back."""

    def __init__(self) -> None:
        self._users: dict[str, _Watched[Watcher]] = {}
        self._lists: dict[Watcher, tuple[_Watched[Watcher], ...]] = {}
        self._due: dict[str, float] = {}
        self._dead: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._users)

    @property
    def watchers(self) -> int:
        return len(self._lists)

    # ---- lists

    def begin(self, users: Iterable[str], now: float) -> list[str]:
        """Begins to watch these users; returns those that are new: nodes have to be asked about
        them."""
        fresh = []
        for user in users:
            if (known := self._users.get(user)) is None:
                self._users[user] = _Watched(user, now)
                fresh.append(user)
            elif not known.watchers:
                known.idle_since = now
        return fresh

    def replace(
        self, watcher: Watcher, users: Sequence[str], now: float
    ) -> dict[str, PresenceState]:
        """Replaces the list of a socket, all of it begun; returns their states, which count as
        told."""
        self.drop(watcher, now)
        watched = tuple(self._users[user] for user in users if user in self._users)
        states: dict[str, PresenceState] = {}
        for one in watched:
            if not one.watchers:  # nobody has to be told the earlier state
                self._settle(one, now)
            one.watchers.add(watcher)
            states[one.user] = one.shown
        if watched:
            self._lists[watcher] = watched
        return states

    def drop(self, watcher: Watcher, now: float) -> None:
        """The socket watches nobody."""
        for one in self._lists.pop(watcher, ()):
            one.watchers.discard(watcher)
            if not one.watchers:
                one.idle_since = now

    def take_idle(self, now: float) -> list[str]:
        """Forgets and returns the users whom nobody has watched for a while."""
        idle = [
            user
            for user, one in self._users.items()
            if not one.watchers and one.idle_since + LINGER_SECONDS <= now
        ]
        for user in idle:
            del self._users[user]
            self._due.pop(user, None)
        return idle

    # ---- what is said

    def hear(self, user: str, node: str, said: Said) -> None:
        """A node reports a user's state."""
        one = self._users.get(user)
        if one is not None:
            one.said[node] = said
            self._due[user] = said.heard_at

    def hear_alive(self, node: str) -> None:
        """It has just said something. A node whose users nobody watches renews no lease."""
        self._dead.pop(node, None)

    def hear_dead(self, dead: Mapping[str, float], now: float) -> None:
        """These nodes are gone, and since when; all others are alive."""
        changed = dead.items() ^ self._dead.items()
        self._dead = dict(dead)
        if changed:
            nodes = {node for node, _ in changed}
            for user, one in self._users.items():
                if not nodes.isdisjoint(one.said):
                    self._due[user] = now

    def list_unasked(self, now: float, *, everybody: bool = False) -> list[str]:
        """Users about whom nodes were not asked recently."""
        return [
            user
            for user, one in self._users.items()
            if everybody or one.asked_at + ASK_AGAIN_SECONDS <= now
        ]

    def note_asked(self, users: Iterable[str], at: float) -> None:
        """Nodes were asked for these users: earlier reports have to be repeated."""
        for user in users:
            if (one := self._users.get(user)) is not None:
                if at >= one.asked_at + KEPT_SECONDS:
                    # Otherwise what was never repeated would count again after each question.
                    one.said = {
                        node: said
                        for node, said in one.said.items()
                        if said.gone_at is not None or said.heard_at >= one.asked_at
                    }
                one.asked_at = self._due[user] = at

    def take_changes(self, now: float) -> list[Change[Watcher]]:
        """The changes that have to be told now."""
        changes = []
        for user in [user for user, due in self._due.items() if due <= now]:
            one = self._users[user]
            state, due = judge(one.said, one.asked_at, self._dead, now)
            if state != one.shown:
                if one.watchers and now < one.told_at + TOLD_SECONDS:
                    self._due[user] = one.told_at + TOLD_SECONDS
                    continue
                one.shown, one.told_at = state, now
                if one.watchers:
                    changes.append(Change(user, state, tuple(one.watchers)))
            if state == "offline" and due == NEVER:
                one.said.clear()  # a node that was wrongly taken for dead says it again
            if due == NEVER:
                del self._due[user]
            else:
                self._due[user] = due
        return changes

    def _settle(self, one: _Watched[Watcher], now: float) -> None:
        one.shown, due = judge(one.said, one.asked_at, self._dead, now)
        self._due.pop(one.user, None)
        if due != NEVER:
            self._due[one.user] = due
