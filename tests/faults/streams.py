"""Judges each socket of a history: where a chat starts, that it has no gap, and where it ends.

A socket receives each of its chats from one point on: a chat named in `resume` and not in `behind`
from the cursor, all others from the head in `ready`, a chat joined later from its `chat.created`.
"""

from collections.abc import Iterator

from tests.faults.verdict import Violation
from tests.fixtures.history import Event, Got, History, Opened

MAX_REPLAY_EVENTS = 200
MAX_REPLAY_BYTES = 262_144
MAX_REPLAY_BYTES_IN_ALL = 1_048_576


def judge_sockets(history: History) -> Iterator[Violation]:
    """All sockets of all devices."""
    sockets: dict[tuple[str, int], _Socket] = {}
    for record in history.records:
        if isinstance(record, Opened):
            yield from _judge_behind(record, history)
            sockets[record.device, record.connection] = _Socket(
                record, history.people[record.device]
            )
        elif isinstance(record, Got):
            yield from sockets[record.device, record.connection].take(record.event)


class _Socket:
    """`_last`: the seq up to which this socket has a chat; `_gone`: chats that have ended on it."""

    def __init__(self, opened: Opened, person: str) -> None:
        self._opened, self._person = opened, person
        self._gone: dict[str, int] = {}
        self._last = {
            chat: opened.resume[chat]
            if chat in opened.resume and chat not in opened.behind
            else head
            for chat, head in opened.chats.items()
        }

    def take(self, event: Event) -> Iterator[Violation]:
        chat, seq, kind = event["chat"], event["seq"], event["type"]
        where = f"{self._opened.device}, connection {self._opened.connection}: {event}"
        last = self._last.get(chat)
        if chat in self._gone:
            # Users who resume after being removed and added again see the events in between.
            replayed = seq <= self._opened.chats.get(chat, 0) and seq == self._gone[chat] + 1
            if (kind != "chat.created" and not replayed) or seq <= self._gone[chat]:
                yield Violation("stale", f"after the last event {self._gone[chat]}, {where}")
            self._gone.pop(chat)
        elif last is None:
            if kind != "chat.created":
                yield Violation("gap", f"a chat begins without chat.created, {where}")
        elif seq <= last:
            yield Violation("duplicate" if seq == last else "reorder", f"after {last}, {where}")
            return
        elif seq > last + 1:
            yield Violation("gap", f"after {last}, {where}")
        self._last[chat] = seq
        if kind == "chat.deleted" or (
            kind == "participant.removed" and self._person in event["users"]
        ):
            del self._last[chat]
            self._gone[chat] = seq


def _judge_behind(opened: Opened, history: History) -> Iterator[Violation]:
    """A chat that misses at most 200 events and 256 KiB is replayed, if everything missing fits
    into 1 MiB."""
    sizes: dict[str, list[int]] = {}
    for chat, after in opened.resume.items():
        if chat in opened.chats and chat in history.logs and after <= opened.chats[chat]:
            missing = history.logs[chat][after : opened.chats[chat]]
            sizes[chat] = [len(str(event).encode()) for event in missing]
    in_all = sum(sum(size) for size in sizes.values())
    for chat in opened.behind:
        size = sizes.get(chat)
        if size is None:
            continue
        if (
            len(size) <= MAX_REPLAY_EVENTS
            and sum(size) <= MAX_REPLAY_BYTES
            and in_all <= MAX_REPLAY_BYTES_IN_ALL
        ):
            yield Violation(
                "behind", f"{opened.device}: {chat} misses {len(size)} events and was not replayed"
            )
    for chat in set(opened.behind) - set(opened.resume):
        yield Violation("behind", f"{opened.device} did not name {chat} in resume")
