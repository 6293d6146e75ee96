"""The truth about a run: every event as it was committed, and who took part when. Pure.

The single reference that everything shown to a client is checked against.
"""

from typing import Any, NamedTuple

from chats.log.encoding import decode_controls
from common.protocol.limits import MAX_SLICE_BYTES, MAX_SLICE_EVENTS
from simulation.store.tables import Entry, decode_event


class Stay(NamedTuple):
    """A user's time in a chat: the seqs of their first and last event, and when those were
    committed; None while they are in."""

    first: int
    since: float
    last: int | None = None
    until: float | None = None


class Chat:
    """One chat's whole history, even after the database has purged it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.times: list[float] = []
        self.stays: dict[str, list[Stay]] = {}
        self._snapshots: dict[tuple[int, str], bytes] = {}

    @property
    def head(self) -> int:
        return len(self.entries)

    def append(self, entry: Entry, now: float) -> str | None:
        """What is wrong with it, or None."""
        if entry.seq != self.head + 1:
            return f"seq {entry.seq} was committed after {self.head}"
        self.entries.append(entry)
        self.times.append(now)
        event = decode_event(entry.event)
        if entry.kind == "chat.created":
            self._join(event["participants"], entry.seq, now)
        elif entry.kind == "participant.added":
            self._join(event["users"], entry.seq, now)
            for control in decode_controls(entry.controls):
                for user in control.users:
                    self._snapshots[entry.seq, user] = bytes(control.snapshot)  # type: ignore[arg-type]
        elif entry.kind == "participant.removed":
            self._leave(event["users"], entry.seq, now)
        elif entry.kind == "chat.deleted":
            self._leave(self.members(), entry.seq, now)
        return None

    def _join(self, users: list[str], seq: int, now: float) -> None:
        for user in users:
            self.stays.setdefault(user, []).append(Stay(seq, now))

    def _leave(self, users: list[str], seq: int, now: float) -> None:
        for user in users:
            stay = self.stays[user][-1]
            self.stays[user][-1] = stay._replace(last=seq, until=now)

    def members(self) -> list[str]:
        return [user for user, stays in self.stays.items() if stays[-1].last is None]

    def is_member(self, user: str) -> bool:
        stays = self.stays.get(user)
        return stays is not None and stays[-1].last is None

    def hears(self, user: str, seq: int) -> bool:
        """Whether the event at `seq` is within one of the user's stays."""
        return any(
            stay.first <= seq and (stay.last is None or seq <= stay.last)
            for stay in self.stays.get(user, ())
        )

    def was_member(self, user: str, start: float, end: float) -> bool:
        """At some moment of that time."""
        return any(
            stay.since <= end and (stay.until is None or stay.until >= start)
            for stay in self.stays.get(user, ())
        )

    def stayed(self, user: str, start: float, end: float) -> bool:
        """During all of that time."""
        return any(
            stay.since < start and (stay.until is None or stay.until > end)
            for stay in self.stays.get(user, ())
        )

    def could_read(self, user: str, low: int, high: int) -> bool:
        """Whether the user took part when the chat's head was somewhere in low … high."""
        return any(
            stay.first <= high and (stay.last is None or stay.last > low)
            for stay in self.stays.get(user, ())
        )

    def is_shown(self, user: str, seq: int, line: bytes) -> bool:
        """Whether the line is the event at `seq`, or the user's snapshot in place of it."""
        return line in (self.entries[seq - 1].event, self._snapshots.get((seq, user)))

    def fits_a_slice(self, after: int, upto: int) -> bool:
        """Whether a socket that has everything up to `after` may be given the rest at once."""
        size = sum(len(entry.event) for entry in self.entries[after:upto])
        return 0 <= upto - after <= MAX_SLICE_EVENTS and size <= MAX_SLICE_BYTES


class Truth:
    """All chats."""

    def __init__(self) -> None:
        self.chats: dict[str, Chat] = {}

    def chat(self, id_: str) -> Chat:
        return self.chats.setdefault(id_, Chat())

    def chats_of(self, user: str) -> dict[str, Chat]:
        return {id_: chat for id_, chat in self.chats.items() if chat.is_member(user)}

    def describe(self, id_: str) -> Any:
        """A chat's name in a history: short, and the same in every run."""
        return f"chat{list(self.chats).index(id_) + 1}" if id_ in self.chats else id_[:8]
