"""The invariants I1 to I9 of docs/reliability.md, checked whenever a client is shown something.

The first breach ends the run. Also keeps the history of the run, a line for each action of users
and faults, so that a breach can be understood.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from simulation.store.tables import Entry
from simulation.truth import Truth


class Breach(NamedTuple):
    """`kind` is stable, so that shrinking keeps to the same one."""

    kind: str
    detail: str


class Line(NamedTuple):
    time: float
    who: str
    what: str


class Stream:
    """What one connection may be shown next, by chat. Up to `heads` it is shown what it missed,
    including times at which its user was not in the chat."""

    def __init__(self, heads: dict[str, int]) -> None:
        self.next: dict[str, int] = {}
        self.heads = heads


class Witness:
    """`now` is the run's time; `halt` ends the run."""

    def __init__(
        self,
        now: Callable[[], float],
        halt: Callable[[], None],
    ) -> None:
        self.truth = Truth()
        self.breach: Breach | None = None
        self.lines: list[Line] = []
        self.names: dict[str, str] = {}
        self.acknowledged: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._now = now
        self._halt = halt

    def note(self, who: str, what: str) -> None:
        self.lines.append(Line(self._now(), who, what))

    def name(self, id_: str) -> str:
        return self.names.get(id_) or str(self.truth.describe(id_))

    def fail(self, kind: str, detail: str) -> None:
        if self.breach is None:
            self.breach = Breach(kind, detail)
            self.note("BREACH", f"{kind}: {detail}")
            self._halt()

    def commit(self, chat: str, entry: Entry) -> None:
        """From the store."""
        wrong = self.truth.chat(chat).append(entry, self._now())
        if wrong:
            self.fail("order", wrong)
        self.note("chats", f"commits {self.name(chat)} {entry.seq} {entry.kind}")

    # ---- sockets

    def ready(
        self, user: str, since: float, resume: dict[str, int], frame: dict[str, Any]
    ) -> Stream:
        """The first line of a connection whose `connect` was sent at `since`."""
        chats: dict[str, int] = frame["chats"]
        behind: list[str] = frame["behind"]
        stream = Stream(chats)
        for id_, chat in self.truth.chats.items():
            if id_ not in chats and chat.stayed(user, since, self._now()):
                self.fail("ready", f"{self.name(user)} is in {self.name(id_)}, `ready` lacks it")
        for id_, head in chats.items():
            chat = self.truth.chat(id_)
            if not chat.was_member(user, since, self._now()):
                self.fail("stale", f"`ready` names {self.name(id_)} to {self.name(user)}")
            if head > chat.head:
                self.fail("phantom", f"`ready` has {self.name(id_)} at {head}, it is {chat.head}")
            seq = resume.get(id_)
            if seq is None or id_ in behind:
                stream.next[id_] = head + 1
            else:
                stream.next[id_] = seq + 1
            if seq is not None and id_ in behind and chat.fits_a_slice(seq, head):
                self.fail("behind", f"{self.name(id_)} misses {seq + 1} to {head} only")
        for id_ in behind:
            if id_ not in resume:
                self.fail("behind", f"{self.name(id_)} was not in `resume`")
        return stream

    def event(self, user: str, stream: Stream, line: bytes, event: dict[str, Any]) -> None:
        """An event on a socket."""
        id_, seq = event["chat"], event["seq"]
        self._judge_content(user, id_, seq, line)
        expected = stream.next.get(id_)
        if expected is None and event["type"] != "chat.created":
            self.fail("order", f"{self.name(user)} got {self._at(id_, seq)} without its beginning")
        elif expected is not None and seq < expected:
            self.fail("repeat", f"{self.name(user)} got {self._at(id_, seq)}, not {expected}")
        elif expected is not None and seq > expected:
            self.fail("gap", f"{self.name(user)} got {self._at(id_, seq)}, not {expected}")
        stream.next[id_] = seq + 1
        if seq <= stream.heads.get(id_, 0):
            return
        if seq <= self.truth.chat(id_).head and not self.truth.chat(id_).hears(user, seq):
            self.fail("stale", f"{self.name(user)} got {self._at(id_, seq)}, above their removal")
        if _ends(event, user):
            del stream.next[id_]

    def _judge_content(self, user: str, id_: str, seq: int, line: bytes) -> None:
        chat = self.truth.chat(id_)
        if not 1 <= seq <= chat.head:
            self.fail("phantom", f"{self.name(user)} got {self._at(id_, seq)} of {chat.head}")
        elif not chat.is_shown(user, seq, line):
            self.fail("divergent", f"{self.name(user)} got {line!r} as {self._at(id_, seq)}")

    def _at(self, id_: str, seq: int) -> str:
        return f"{self.name(id_)} {seq}"

    # ---- answers

    def sent(self, user: str, chat: str, key: str, text: str, answer: dict[str, Any]) -> None:
        """A send was answered."""
        seq, message_id = answer["seq"], answer["messageId"]
        known = self.acknowledged.setdefault((user, chat, key), (message_id, seq))
        self._last[user, chat] = max(seq, self._last.get((user, chat), 0))
        if known != (message_id, seq):
            self.fail("repeat", f"key {key[:8]} was answered {known}, then {message_id, seq}")
        entries = self.truth.chat(chat).entries
        if not 1 <= seq <= len(entries):
            self.fail("lost", f"{self._at(chat, seq)} was answered and is not there")
            return
        event = msgspec.json.decode(entries[seq - 1].event)
        mine = (event.get("messageId"), event["by"], event.get("clientId"), event.get("message"))
        if mine != (message_id, user, key, text):
            self.fail("lost", f"{self._at(chat, seq)} was answered and is {event}")

    def last_acknowledged(self, user: str, chat: str) -> int:
        """The highest seq of their messages in the chat that was acknowledged."""
        return self._last.get((user, chat), 0)

    def in_order(self, user: str, chat: str, key: str, before: int) -> None:
        """A message that was sent after another one's answer comes after it."""
        _, seq = self.acknowledged.get((user, chat, key), ("", before + 1))
        if seq < before:
            self.fail("reorder", f"{self._at(chat, seq)} was sent after {before} was answered")

    def page(self, user: str, chat: str, low: int, body: dict[str, Any], after: int) -> None:
        """A page of `/events`; `low` is the head when it was asked for."""
        seqs = []
        for raw in body["events"]:
            line = bytes(raw)
            seqs.append(msgspec.json.decode(line)["seq"])
            self._judge_content(user, chat, seqs[-1], line)
        if seqs != list(range(after + 1, after + 1 + len(seqs))):
            self.fail("gap", f"a page of {self.name(chat)} after {after} has {seqs}")
        self._judge_reader(user, chat, max([low, *seqs]))

    def history(self, user: str, chat: str, low: int, messages: list[Any]) -> None:
        """A page of messages, newest first."""
        seqs = []
        for raw in messages:
            line = bytes(raw)
            seqs.append(msgspec.json.decode(line)["seq"])
            self._judge_content(user, chat, seqs[-1], line)
        if seqs:
            kinds = self.truth.chat(chat).entries
            wanted = [e.seq for e in kinds[seqs[-1] - 1 : seqs[0]] if e.kind == "message"]
            if seqs != wanted[::-1]:
                self.fail("gap", f"history of {self.name(chat)} has {seqs}, not {wanted[::-1]}")
        self._judge_reader(user, chat, max([low, *seqs]))

    def state(self, user: str, chat: str, low: int, seq: int) -> None:
        """A chat's state with its head."""
        if seq > self.truth.chat(chat).head:
            self.fail("phantom", f"{self.name(user)} was told of {self._at(chat, seq)}")
        self._judge_reader(user, chat, max(low, seq))

    def _judge_reader(self, user: str, chat: str, seq: int) -> None:
        """What they were shown is from a moment at which they took part."""
        found = self.truth.chat(chat)
        if not found.could_read(user, seq, found.head):
            self.fail("stale", f"{self.name(user)} read up to {self._at(chat, seq)}")


def _ends(event: dict[str, Any], user: str) -> bool:
    return event["type"] == "chat.deleted" or (
        event["type"] == "participant.removed" and user in event["users"]
    )
