"""Judges changes of messages: every answered change is in the log, once; history, and what each
device has folded from its events, is the fold of the log.
"""

from collections import Counter
from collections.abc import Iterator

from common.protocol.fold import fold
from tests.faults.verdict import Violation
from tests.fixtures.history import Changed, Event, Got, History, Pulled

FINE = frozenset({0, 200, 201, 404, 502, 503, 504})  # 404: already deleted or taken back


def judge_changes(history: History) -> Iterator[Violation]:
    """What was answered is in the log; what is in the log was tried; nothing is duplicated."""
    for chat, log in history.logs.items():
        tried = [changed for changed in history.changes if changed.chat == chat]
        yield from _judge_answers(tried, log)
        yield from _judge_log(tried, log)


def _judge_answers(tried: list[Changed], log: list[Event]) -> Iterator[Violation]:
    by_kind: dict[tuple[str, str, str, str], int] = {}
    for event in log:
        key = (event["type"], event.get("messageId", ""), event["by"], event.get("emoji", ""))
        by_kind[key] = event["seq"]
    deleted = {event["messageId"] for event in log if event["type"] == "message.deleted"}
    for changed in tried:
        if changed.status not in FINE:
            yield Violation("refused", f"nothing was wrong with {changed}")
        if changed.ended is None:
            continue
        key = (changed.kind, changed.message_id, changed.person, changed.emoji)
        if key not in by_kind:
            yield Violation("lost", f"{changed} was answered and is not in the log")
        elif changed.kind == "message.edited":
            event = log[changed.seq - 1]
            text = "" if changed.message_id in deleted else changed.text
            if (event["type"], event.get("message")) != ("message.edited", text):
                yield Violation("divergent", f"{changed} was answered, the log has {event}")


def _judge_log(tried: list[Changed], log: list[Event]) -> Iterator[Violation]:
    texts = {changed.text for changed in tried if changed.text}
    edits = Counter(e["message"] for e in log if e["type"] == "message.edited" and e["message"])
    for text, times in edits.items():
        if text not in texts:
            yield Violation("phantom", f"nobody said {text!r}")
        if times > 1:
            yield Violation("duplicate", f"the edit {text!r} is in the log {times} times")
    there: set[tuple[str, str, str]] = set()
    deleted: set[str] = set()
    for event in log:
        message = event.get("messageId", "")
        if message in deleted:
            yield Violation("stale", f"{event} is about a message that was deleted before")
        key = (message, event["by"], event.get("emoji", ""))
        if event["type"] == "message.deleted":
            deleted.add(message)
        elif event["type"] == "reaction.added":
            if key in there:
                yield Violation("duplicate", f"{event} was there already")
            there.add(key)
        elif event["type"] == "reaction.removed":
            if key not in there:
                yield Violation("phantom", f"{event} was not there")
            there.discard(key)


def judge_folds(history: History) -> Iterator[Violation]:
    """History is the fold of the log, and so is what a device received over all its connections."""
    for chat, current in history.current.items():
        log = history.logs.get(chat)
        if log is None:
            continue
        expected = list(fold({}, log).values())[::-1]
        yield from _compare(expected, current, f"history of {chat}")
        deleted = {m["seq"] for m in current if "deletedAt" in m}
        for event in log:
            if event.get("message") and event.get("of", event["seq"]) in deleted:
                yield Violation("divergent", f"{event} still has the text of a deleted message")
        for device in history.connected:
            got = _got(history, device, chat)
            if len(got) == len(log):  # later participants have less; judge_views checks how much
                events = [got[seq] for seq in sorted(got)]
                yield from _compare(
                    expected, list(fold({}, events).values())[::-1], f"{device}'s {chat}"
                )


def _got(history: History, device: str, chat: str) -> dict[int, Event]:
    """The first event of each seq, as the device applied it."""
    got: dict[int, Event] = {}
    for record in history.records:
        if isinstance(record, Got) and record.device == device and record.event["chat"] == chat:
            got.setdefault(record.event["seq"], record.event)
        elif isinstance(record, Pulled) and record.device == device and record.chat == chat:
            for event in record.events:
                got.setdefault(event["seq"], event)
    return got


def _compare(expected: list[Event], found: list[Event], where: str) -> Iterator[Violation]:
    for one, other in zip(expected, found, strict=False):
        if one != other:
            yield Violation("divergent", f"{where} has {other}, the fold of the log {one}")
    if len(expected) != len(found):
        yield Violation(
            "gap", f"{where} has {len(found)} messages, the fold of the log {len(expected)}"
        )
