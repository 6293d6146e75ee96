"""The checker of changes: each kind of violation in a history, nothing in a clean one."""

from typing import Any

import pytest

from common.protocol.fold import fold
from tests.faults.checker import judge_content
from tests.faults.folds import judge_changes, judge_folds
from tests.fixtures.history import Changed, Event, Got, History

CHAT = "chat-1"
ANN, BEN = "ann", "ben"


def event(seq: int, kind: str, by: str = ANN, of: int = 0, **rest: Any) -> Event:
    about = {"messageId": f"m{of}", "of": of} if of else {}
    return {"type": kind, "chat": CHAT, "seq": seq, "at": f"t{seq}", "by": by, **about, **rest}


def live() -> list[Event]:
    """The delivered events: the first message is edited, liked and deleted, the second is liked."""
    return [
        event(1, "chat.created", participants=[ANN, BEN]),
        event(2, "message", messageId="m2", message="secret", clientId="k2"),
        event(3, "message", messageId="m3", message="hello", clientId="k3", mentions=[BEN]),
        event(4, "message.edited", of=2, message="edit 1", mentions=[BEN]),
        event(5, "reaction.added", BEN, of=2, emoji="👍"),
        event(6, "reaction.added", BEN, of=3, emoji="👍"),
        event(7, "message.deleted", of=2),
        event(8, "message.edited", of=3, message="edit 2"),
    ]


def log() -> list[Event]:
    """The log of the same events, after the deletion."""
    events = live()
    for number in (1, 3):
        events[number] |= {"message": "", "deleted": True}
        events[number].pop("mentions", None)
    return events


def clean() -> History:
    history = History(people={"a": ANN, "b": BEN}, connected=["a", "b"], logs={CHAT: log()})
    history.current = {CHAT: list(fold({}, log()).values())[::-1]}
    changes: list[tuple[str, str, int, dict[str, Any]]] = [
        ("message.edited", ANN, 2, {"text": "edit 1", "seq": 4}),
        ("reaction.added", BEN, 2, {"emoji": "👍"}),
        ("reaction.added", BEN, 3, {"emoji": "👍"}),
        ("message.deleted", ANN, 2, {}),
        ("message.edited", ANN, 3, {"text": "edit 2", "seq": 8}),
    ]
    for number, (kind, by, of, more) in enumerate(changes, 4):
        history.changes.append(
            Changed(by, CHAT, kind, f"m{of}", float(number), ended=number + 0.1, status=200, **more)
        )
    for device in ("a", "b"):
        history.records += [Got(float(e["seq"]), device, 1, e) for e in live()]
    return history


def kinds(history: History) -> set[str]:
    found = [*judge_changes(history), *judge_folds(history), *judge_content(history)]
    return {violation.kind for violation in found}


def test_a_clean_history_has_no_breach() -> None:
    """Events before a deletion had the text, and the fold is the same."""
    assert kinds(clean()) == set()


@pytest.mark.parametrize("number", range(5))
def test_an_answered_change_that_is_not_in_the_log_is_lost(number: int) -> None:
    """For every kind of change."""
    history = clean()
    changed = history.changes[number]
    changed.message_id = "m9"
    assert "lost" in kinds(history)


def test_an_unanswered_change_may_be_there_or_not() -> None:
    """Its outcome is unknown."""
    history = clean()
    history.changes.append(Changed(ANN, CHAT, "message.edited", "m3", 9.0, text="edit 3"))
    history.changes[-2].ended = None
    assert kinds(history) == set()


def test_a_text_that_nobody_said_is_a_phantom() -> None:
    """Every edit has a text that a user sent."""
    history = clean()
    history.changes[-1].text = "something else"
    assert {"phantom", "divergent"} <= kinds(history)


def test_a_change_that_came_twice_is_a_duplicate() -> None:
    """An edit, and a reaction that exists already."""
    for copied in (7, 5):
        history = clean()
        history.logs[CHAT].append({**log()[copied], "seq": 9})
        assert "duplicate" in kinds(history)


def test_whatever_follows_a_deletion_is_stale() -> None:
    """A deleted message does not change."""
    history = clean()
    history.logs[CHAT].append(event(9, "reaction.added", ANN, of=2, emoji="🎉"))
    assert "stale" in kinds(history)


def test_a_text_that_outlives_its_message_is_divergent() -> None:
    """The log no longer has the text of the message or of its edits."""
    for number in (1, 3):
        history = clean()
        history.logs[CHAT][number] = live()[number]
        assert "divergent" in kinds(history)


def test_history_that_is_not_the_fold_is_divergent() -> None:
    """In the text, in reactions, in which messages exist."""
    broken: dict[str, Any]
    for broken in ({"message": "hello"}, {"reactions": []}, {"editedAt": "t1"}):
        history = clean()
        history.current[CHAT][0] = {**history.current[CHAT][0], **broken}
        assert kinds(history) == {"divergent"}
    history = clean()
    del history.current[CHAT][1]
    assert kinds(history) == {"gap"}


def test_a_device_that_made_something_else_of_it_is_divergent() -> None:
    """The events that it received are folded as clients do."""
    history = clean()
    [got] = [r for r in history.records if isinstance(r, Got) and (r.device, r.time) == ("b", 6.0)]
    got.event = {**got.event, "emoji": "🎉"}
    assert kinds(history) == {"divergent"}
