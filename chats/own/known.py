"""What was read of chats lately, held by the state in which it was read.

Counting what somebody has not read costs PostgreSQL as much as fifty look-ups. All of it follows
from the log up to its head, the marker and a few settings, which are asked for every time: what is
held is shown only where these are what they were. So nothing has to be taken out of here, and who
may read is never held.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from chats.metrics import HELD_BYTES, SHOWN
from chats.store.own import Counted, OwnState, count_own
from common.database.pool import Pool
from common.process.memory_cache import MemoryCache

MAX_BYTES: Final = 2**24
OBJECTS_BYTES: Final = 450  # what Python needs for a Counted, beside the message
LISTED_BYTES: Final = 650  # the same for a chat of somebody's list
MAX_LISTED: Final = 1_000  # chats of a person
SECONDS: Final = 600.0  # somebody may rebuild what is derived
MAX_TRIES: Final = 4  # to read a chat and what is somebody's own of it at one moment

_SHOWN: Final = {
    (of, source): SHOWN.labels(of, source)
    for of in ("own", "chat")
    for source in ("memory", "database")
}


class HeldList(NamedTuple):
    """Somebody's chats as they were shown, each in a state; good until a moment of the clock."""

    until: float
    shown: Mapping[str, tuple[OwnState, bytes]]


class Known:
    """Of one process."""

    def __init__(self) -> None:
        self._memory = MemoryCache(MAX_BYTES)

    def find_list(self, user: str) -> HeldList:
        """Most of the chats of most lists are as they were when it was last asked for."""
        held: HeldList | None = self._memory.get(_list_key(user))
        return held or HeldList(time.monotonic() + SECONDS, {})

    def keep_list(
        self, user: str, held: HeldList, more: Mapping[str, tuple[OwnState, bytes]]
    ) -> None:
        """With these, which are so in their states."""
        shown = {**held.shown, **more}
        if len(shown) > MAX_LISTED:
            shown = dict(more)
        size = sum(LISTED_BYTES + len(text) for _, text in shown.values())
        left = held.until - time.monotonic()
        self._memory.put(_list_key(user), HeldList(held.until, shown), size, left)
        HELD_BYTES.set(self._memory.size)

    def count_listed(self, chats: int) -> None:
        """So many were shown as they were held."""
        for of in ("own", "chat"):
            _SHOWN[of, "memory"].inc(chats)

    async def fill_own(
        self, pool: Pool, wanted: Sequence[tuple[str, str]], states: Sequence[OwnState]
    ) -> list[Counted | None]:
        """For each (chat, member) in that state, or a later one where it has changed meanwhile;
        None for one who has left."""
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

    def find_chats(self, wanted: Sequence[tuple[str, OwnState]]) -> list[bytes | None]:
        """How each chat is shown in that state, apart from what is the reader's own."""
        held = [self._memory.get(chat) for chat, _ in wanted]
        found = [
            one[1] if one is not None and one[0] == (state.epoch, state.head) else None
            for one, (_, state) in zip(held, wanted, strict=True)
        ]
        missing = found.count(None)
        _SHOWN["chat", "memory"].inc(len(found) - missing)
        _SHOWN["chat", "database"].inc(missing)
        return found

    def keep_chat(self, chat: str, state: OwnState, shown: bytes) -> None:
        """It is so in this state, for whoever may read it."""
        self._memory.put(chat, ((state.epoch, state.head), shown), len(shown), SECONDS)
        HELD_BYTES.set(self._memory.size)


def _own_key(pair: tuple[str, str]) -> str:
    return f"{pair[0]} {pair[1]}"


def _list_key(user: str) -> str:
    return f"list {user}"
