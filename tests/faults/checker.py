"""The judge: reads one recorded history and reports every breach of the public contract.

Pure: no clock, no network, no knowledge of how the history was recorded. Seqs are dense, so every
check is linear in the number of records. `streams.py` judges single sockets; this file judges the
whole.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tests.faults.counts import judge_counts
from tests.faults.folds import judge_changes, judge_folds
from tests.faults.streams import judge_sockets
from tests.faults.verdict import Violation
from tests.fixtures.history import Event, Got, History, Pulled, Sent

SLOW_SECONDS = 0.5  # a send that takes longer to reach all was affected by the fault


class Recovery(NamedTuple):
    """`seconds` from when the fault's cause was gone until no send was late."""

    what: str
    seconds: float


def judge(history: History) -> list[Violation]:
    """All breaches; empty if there are none."""
    return [
        *judge_logs(history),
        *judge_sends(history),
        *judge_sockets(history),
        *judge_content(history),
        *judge_views(history),
        *judge_memberships(history),
        *judge_changes(history),
        *judge_folds(history),
        *judge_counts(history),
    ]


def judge_logs(history: History) -> Iterator[Violation]:
    """A chat's log is 1, 2, 3 …, with no key of one sender twice and nothing that was not sent."""
    attempts = {(sent.person, sent.chat, sent.key): sent.text for sent in history.sends}
    for chat, log in history.logs.items():
        seqs = [event["seq"] for event in log]
        if seqs != list(range(1, len(log) + 1)):
            yield Violation("gap", f"the log of {chat} has seqs {_breaks(seqs)}")
        seen: dict[tuple[str, str], int] = {}
        for event in log:
            if event["type"] != "message":
                continue
            key = (event["by"], event.get("clientId", ""))
            if key in seen:
                yield Violation("duplicate", f"{chat} holds {key} at {seen[key]} and {event}")
            seen[key] = event["seq"]
            text = attempts.get((key[0], chat, key[1]))
            if text is None:
                yield Violation("phantom", f"nobody sent {event}")
            elif text != event["message"] and not event.get("deleted"):
                yield Violation("divergent", f"{event} was sent as {text!r}")


def judge_sends(history: History) -> Iterator[Violation]:
    """What was answered is in the log, as answered, in its sender's order."""
    by_id = {
        event["messageId"]: event
        for log in history.logs.values()
        for event in log
        if event["type"] == "message"
    }
    last: dict[tuple[str, str, str], Sent] = {}
    for sent in sorted(history.sends, key=lambda sent: sent.started):
        if sent.refused:
            yield Violation("refused", f"nothing was wrong with {sent}")
        if sent.ended is None or sent.chat not in history.logs:
            continue  # unanswered, or the chat is deleted
        event = by_id.get(sent.message_id)
        if event is None:
            yield Violation("lost", f"{sent} was answered and is not in the log")
            continue
        if (event["seq"], event["chat"]) != (sent.seq, sent.chat):
            yield Violation("divergent", f"{sent} was answered, the log has {event}")
        line = (sent.person, sent.chat, sent.via)
        before = last.get(line)
        awaited = before is not None and (before.ended or sent.started) < sent.started
        if before is not None and awaited and before.seq >= sent.seq:
            yield Violation("reorder", f"{before} was answered before {sent} was sent")
        last[line] = sent


def judge_content(history: History) -> Iterator[Violation]:
    """Everything received, over whichever path, is what the log holds."""
    for record in history.records:
        if isinstance(record, Got):
            events = [record.event]
        elif isinstance(record, Pulled):
            events = record.events
        else:
            continue
        for event in events:
            log = history.logs.get(event["chat"])
            if log is None:
                continue
            if not 1 <= event["seq"] <= len(log):
                yield Violation("phantom", f"{record.device} got {event}, which is in no log")
            elif not _is_the_same(event, log[event["seq"] - 1], history.people[record.device]):
                yield Violation(
                    "divergent",
                    f"{record.device} got {event}, the log has {log[event['seq'] - 1]}",
                )


def judge_views(history: History) -> Iterator[Violation]:
    """A device connected at the end holds exactly what history holds since it joined."""
    held: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in history.records:
        if isinstance(record, Got):
            held[record.device, record.event["chat"]].add(record.event["seq"])
        elif isinstance(record, Pulled):
            held[record.device, record.chat].update(event["seq"] for event in record.events)
    for chat, log in history.logs.items():
        joined = _joined_at(log)
        for device in history.connected:
            since = joined.get(history.people[device])
            if since is None:
                continue
            missing = sorted(set(range(since, len(log) + 1)) - held[device, chat])
            if missing:
                yield Violation(
                    "gap", f"{device} never got {len(missing)} of {chat}, from {missing[:5]} on"
                )


def judge_memberships(history: History) -> Iterator[Violation]:
    """users' record of each person, chats' participants and the log agree."""
    for chat, people in history.participants.items():
        log = history.logs.get(chat)
        if log is not None and sorted(_joined_at(log)) != sorted(people):
            yield Violation("membership", f"{chat} has {people}, its log says otherwise")
        for person in people:
            if person in history.memberships and chat not in history.memberships[person]:
                yield Violation("membership", f"users does not know that {person} is in {chat}")
    for person, chats in history.memberships.items():
        for chat in chats:
            if person not in history.participants.get(chat, []):
                yield Violation("membership", f"users has {person} in {chat}, chats has not")


def recoveries(history: History) -> list[Recovery]:
    """How long each fault affected senders and listeners after its end.

    A send that was quick until the next fault began, and then waited, counts for the next fault.
    """
    arrived: dict[tuple[str, int], float] = {}
    for record in history.records:
        if isinstance(record, Got):
            key = (record.event["chat"], record.event["seq"])
            arrived[key] = max(arrived.get(key, 0.0), record.time)
    felt = []
    for number, fault in enumerate(history.faults):
        later = history.faults[number + 1 :]
        end = later[0].time if later else float("inf")
        late = [
            done
            for sent in history.sends
            if sent.ended is not None and sent.started < end
            for done in [max(sent.ended, arrived.get((sent.chat, sent.seq), 0.0))]
            if done > fault.time and min(done, end) - sent.started > SLOW_SECONDS
        ]
        felt.append(Recovery(fault.what, max(0.0, max(late, default=0.0) - fault.over)))
    return felt


def longest_silence(history: History) -> float:
    """The longest time without an answer to any send, while people talked."""
    answers = sorted(sent.ended for sent in history.sends if sent.ended is not None)
    return max((after - before for before, after in pairwise(answers)), default=0.0)


def delivery_latencies(history: History) -> list[float]:
    """Seconds from the first try of each send to its arrival at each device, over sockets."""
    started = {(sent.chat, sent.seq): sent.started for sent in history.sends if sent.ended}
    return [
        record.time - started[key]
        for record in history.records
        if isinstance(record, Got)
        for key in [(record.event["chat"], record.event["seq"])]
        if key in started
    ]


def _is_the_same(event: Event, logged: Event, person: str) -> bool:
    """Equal to the event as first received: its text may have been deleted since."""
    if event == logged or _is_snapshot(event, logged, person):
        return True
    return (
        bool(logged.get("deleted"))
        and {key: value for key, value in event.items() if key != "mentions"}
        | {"message": "", "deleted": True}
        == logged
    )


def _is_snapshot(event: Event, logged: Event, person: str) -> bool:
    """An added user gets `chat.created` with the seq of the `participant.added`."""
    return (
        event["type"] == "chat.created"
        and logged["type"] == "participant.added"
        and person in logged["users"]
        and person in event["participants"]
    )


def _joined_at(log: list[Event]) -> dict[str, int]:
    """The participants at the end of a chat's log, and the seq at which each joined."""
    joined: dict[str, int] = {}
    for event in log:
        match event["type"]:
            case "chat.created":
                joined = {person: event["seq"] for person in event["participants"]}
            case "participant.added":
                joined |= {person: event["seq"] for person in event["users"]}
            case "participant.removed":
                for person in event["users"]:
                    joined.pop(person, None)
            case "chat.deleted":
                joined = {}
    return joined


def _breaks(seqs: list[int]) -> list[tuple[int, int]]:
    pairs = zip([0, *seqs], seqs, strict=False)
    return [(before, after) for before, after in pairs if after != before + 1]
