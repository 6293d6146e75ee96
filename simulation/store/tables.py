"""The tables of chats' database, as dictionaries."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from chats.store.changes import ResultKey


class Entry(NamedTuple):
    """A row of the log."""

    seq: int
    kind: str
    sender: str
    key: str | None
    event: bytes
    controls: str | None


class OwnMarker(NamedTuple):
    """Of a row of own_chats."""

    joined: int
    read: int
    turned_back: int
    turned_to: int
    turned_before: int


class Unpublished(NamedTuple):
    """A row of the outbox."""

    id: int
    chat: str
    first: int
    last: int
    since: float
    claimed_at: float | None


class Chat:
    def __init__(self, name: str, owner: str | None) -> None:
        self.name = name
        self.owner = owner
        self.topic: str | None = None
        self.version = 0
        self.members: dict[str, None] = {}  # in order of position
        self.head = 0
        self.log: dict[int, Entry] = {}
        self.deleted_at: float | None = None
        self.closed = False
        self.purged = False


class Tables:
    """`clock` gives Unix time. `told` gets every row of the log when it is committed."""

    def __init__(
        self,
        clock: Callable[[], float],
        epoch: str,
        told: Callable[[str, Entry], None] = lambda _chat, _entry: None,
    ) -> None:
        self._clock = clock
        self._told = told
        self.epoch = epoch
        self.chats: dict[str, Chat] = {}
        self.markers: dict[tuple[str, str], OwnMarker] = {}  # of a user in a chat
        self.direct_chats: dict[frozenset[str], str] = {}
        self.outbox: dict[int, Unpublished] = {}
        self.decisions: dict[str, tuple[bool, float]] = {}
        self._keys: dict[tuple[str, str, str], Entry] = {}
        self._results: dict[ResultKey, tuple[bytes, float]] = {}
        self._canaries: dict[str, tuple[int, float]] = {}
        self._last_row = 0

    def participants(self) -> dict[str, set[str]]:
        """Of every chat that is not deleted."""
        return {id_: set(c.members) for id_, c in self.chats.items() if c.deleted_at is None}

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

    def _append(self, id_: str, chat: Chat, entry: Entry) -> None:
        chat.log[entry.seq] = entry
        chat.head = entry.seq
        if entry.key is not None:
            self._keys[entry.sender, entry.key, id_] = entry
        self._told(id_, entry)

    def _add_row(self, chat: str, first: int, last: int) -> int:
        self._last_row += 1
        id_ = self._last_row
        self.outbox[id_] = Unpublished(id_, chat, first, last, self._clock(), None)
        return id_


def decode_event(event: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(event)
    return found
