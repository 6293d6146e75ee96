"""Cached reads of chats, each stored with the state in which it was read.

Counting a user's unread messages costs PostgreSQL as much as fifty look-ups. The result follows
from the log up to its head, the marker and a few settings, which are queried every time: a cached
value is used only if these have not changed. So nothing has to be invalidated, and permissions are
never cached.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from chats.metrics import HELD_BYTES, SHOWN
from chats.store.own import Counted, OwnState, count_own
from common.database.pool import Pool
from common.process.memory_cache import MemoryCache

MAX_BYTES: Final = 2**24
OBJECTS_BYTES: Final = 450  # Python's overhead for a Counted, besides the message
LISTED_BYTES: Final = 650  # the same for a chat of a user's list
MAX_LISTED: Final = 1_000  # chats of a user
SECONDS: Final = 600.0  # derived data may be rebuilt

_SHOWN: Final = {
    (of, source): SHOWN.labels(of, source)
    for of in ("own", "chat")
    for source in ("memory", "database")
}


class ShownChat(NamedTuple):
    """A user's chat in this state, encoded."""

    state: OwnState
    text: bytes


ShownChats: TypeAlias = dict[str, ShownChat]


class CachedList(NamedTuple):
    """What was shown; valid until a moment of the clock."""

    until: float
    shown: ShownChats


class ReadCache:
    """The cache of one process."""

    def __init__(self) -> None:
        self._memory = MemoryCache(MAX_BYTES)

    def find_list(self, user: str) -> CachedList:
        """Most chats of most lists have not changed since the list was last asked for."""
        held: CachedList | None = self._memory.get(_list_key(user))
        return held or CachedList(time.monotonic() + SECONDS, {})

    def keep_list(self, user: str, held: CachedList, more: ShownChats) -> None:
        """Stores these chats too."""
        shown = {**held.shown, **more}
        if len(shown) > MAX_LISTED:
            shown = dict(more)
        size = sum(LISTED_BYTES + len(one.text) for one in shown.values())
        left = held.until - time.monotonic()
        self._memory.put(_list_key(user), CachedList(held.until, shown), size, left)
        HELD_BYTES.set(self._memory.size)

    def count_listed(self, chats: int) -> None:
        """Counts chats that were shown from the cache."""
        for of in ("own", "chat"):
            _SHOWN[of, "memory"].inc(chats)

    async def fill_own(
        self, pool: Pool, wanted: Sequence[tuple[str, str]], states: Sequence[OwnState]
    ) -> list[Counted | None]:
        """For each (chat, member) in that state, or a later one if it has changed meanwhile; None
        for a user who has left."""
        found = [self._find_own(pair, state) for pair, state in zip(wanted, states, strict=True)]
        missing = [nth for nth, one in enumerate(found) if one is None]
        if missing:
            _SHOWN["own", "database"].inc(len(missing))
            counted = await count_own(pool, [wanted[nth] for nth in missing])
            for nth, one in zip(missing, counted, strict=True):
                if one is not None:
                    found[nth] = one
                    size = OBJECTS_BYTES + len(one.row.last or b"")
                    self._memory.put(_own_key(wanted[nth]), one, size, SECONDS)
            HELD_BYTES.set(self._memory.size)
        _SHOWN["own", "memory"].inc(len(wanted) - len(missing))
        return found

    def _find_own(self, pair: tuple[str, str], state: OwnState) -> Counted | None:
        held: Counted | None = self._memory.get(_own_key(pair))
        return held if held is not None and held.state == state else None

    def find_chats(self, states: Mapping[str, OwnState]) -> dict[str, bytes]:
        """How those that are cached are shown in that state, without the reader's own state."""
        found: dict[str, bytes] = {}
        for chat, state in states.items():
            held: tuple[tuple[str, int], bytes] | None = self._memory.get(chat)
            if held is not None and held[0] == (state.epoch, state.head):
                found[chat] = held[1]
        _SHOWN["chat", "memory"].inc(len(found))
        _SHOWN["chat", "database"].inc(len(states) - len(found))
        return found

    def keep_chat(self, chat: str, state: OwnState, shown: bytes) -> None:
        """Stores how it is shown in this state, to anybody who may read it."""
        self._memory.put(chat, ((state.epoch, state.head), shown), len(shown), SECONDS)
        HELD_BYTES.set(self._memory.size)


def _own_key(pair: tuple[str, str]) -> str:
    return f"{pair[0]} {pair[1]}"


def _list_key(user: str) -> str:
    return f"list {user}"
