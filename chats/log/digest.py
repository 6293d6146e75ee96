"""The changes of this replica in the last seconds, for the digest that tells nodes what they may
have missed. Pure."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

from common.protocol.chats import Control, Digest, Join

KEPT_SECONDS = 5.0


class RecentChanges:
    """Heads and joins of the last `KEPT_SECONDS`."""

    def __init__(self, replica: str, clock: Callable[[], float] = monotonic) -> None:
        self._replica = replica
        self._clock = clock
        self._heads: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._joins: deque[tuple[float, Join]] = deque()
        self._since = clock()
        self.timeline = 0  # of the database, as far as this replica knows

    def note(self, *changes: tuple[str, int, list[Control]]) -> None:
        """The chats' committed changes: each one's head, and control entries up to there."""
        now = self._clock()
        for chat, head, controls in changes:
            _, known = self._heads.pop(chat, (now, 0))
            self._heads[chat] = (now, max(known, head))
            if controls:
                self._joins.extend((now, join) for join in joins_among(chat, controls))
        self._forget(now - KEPT_SECONDS)

    def list_since(self, seconds: float) -> Digest:
        """Changes of the last `seconds`, at most `KEPT_SECONDS`."""
        now = self._clock()
        start = now - min(seconds, KEPT_SECONDS)
        return Digest(
            replica=self._replica,
            heads={chat: head for chat, (at, head) in self._heads.items() if at >= start},
            joins=[join for at, join in self._joins if at >= start],
            timeline=self.timeline,
            age=now - self._since,
        )

    def move_to(self, timeline: int) -> None:
        """The database has a new timeline: noted changes may be gone."""
        self.timeline = timeline
        self._since = self._clock()
        self._heads.clear()
        self._joins.clear()

    def _forget(self, before: float) -> None:
        while self._heads and next(iter(self._heads.values()))[0] < before:
            self._heads.popitem(last=False)
        while self._joins and self._joins[0][0] < before:
            self._joins.popleft()


def joins_among(chat: str, controls: list[Control]) -> list[Join]:
    """Which users receive the chat, from which seq on."""
    return [Join(chat=chat, seq=c.seq, users=c.users) for c in controls if c.action == "join"]
