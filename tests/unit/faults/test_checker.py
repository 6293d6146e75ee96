"""The checker finds each kind of violation in a history that has it, and nothing in a clean one."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.faults.checker import delivery_latencies, judge, recoveries
from tests.fixtures.history import (
    Closed,
    Event,
    Fault,
    Got,
    History,
    Listed,
    Opened,
    Pulled,
    Sent,
    load_history,
)

CHAT = "chat-1"
ANN, BEN, CAT = "ann", "ben", "cat"


def _event(seq: int, type_: str, by: str, **rest: Any) -> Event:
    return {"type": type_, "chat": CHAT, "seq": seq, "at": f"t{seq}", "by": by, **rest}


def _message(seq: int, by: str) -> Event:
    return _event(
        seq, "message", by, messageId=f"m{seq}", message=f"text {seq}", clientId=f"k{seq}"
    )


def _log() -> list[Event]:
    """Created by Ann with Ben; Ben removed at 4, added again at 6, one message after that."""
    return [
        _event(1, "chat.created", ANN, chatName="c", participants=[ANN, BEN], participantCount=2,
               owner=ANN, kind="group"),
        _message(2, ANN),
        _message(3, BEN),
        _event(4, "participant.removed", ANN, users=[BEN], owner=ANN),
        _message(5, ANN),
        _event(6, "participant.added", ANN, users=[BEN, CAT]),
        _message(7, ANN),
    ]  # fmt: skip


def _snapshot() -> Event:
    return _event(6, "chat.created", ANN, chatName="c", participants=[ANN, BEN, CAT],
                  participantCount=3, owner=ANN, kind="group")  # fmt: skip


def _clean() -> History:
    log = _log()
    history = History(
        people={"a": ANN, "b": BEN},
        connected=["a", "b"],
        logs={CHAT: log},
        participants={CHAT: [ANN, BEN, CAT]},
        memberships={ANN: [CHAT], BEN: [CHAT], CAT: [CHAT]},
        lists={ANN: {CHAT: Listed(7, 1, 1, 0, "m7")}, BEN: {CHAT: Listed(7, 6, 1, 0, "m7")}},
    )
    for event in log:
        if event["type"] == "message":
            at = float(event["seq"])
            history.sends.append(
                Sent(event["by"], CHAT, event["clientId"], event["message"], "rest", at,
                     ended=at + 0.1, message_id=event["messageId"], seq=event["seq"], tries=1)
            )  # fmt: skip
    history.records += [
        Opened(0.0, "a", 1, {}, {}, [], "e"),
        Opened(0.0, "b", 1, {}, {}, [], "e"),
        *(Got(event["seq"] + 0.2, "a", 1, event) for event in log[:3]),
        *(Got(event["seq"] + 0.2, "b", 1, event) for event in log[:4]),
        Closed(3.5, "a", 1, 1006, ""),
        Opened(3.6, "a", 2, {CHAT: 3}, {CHAT: 4}, [], "e"),
        *(Got(event["seq"] + 0.2, "a", 2, event) for event in log[3:]),
        Got(6.2, "b", 1, _snapshot()),
        Got(7.2, "b", 1, log[6]),
    ]
    return history


def _kinds(history: History) -> set[str]:
    return {violation.kind for violation in judge(history)}


def _got(history: History, device: str, seq: int) -> Got:
    return next(
        record
        for record in history.records
        if isinstance(record, Got) and record.device == device and record.event["seq"] == seq
    )


def test_a_clean_history_has_no_violation() -> None:
    """Reconnecting with resume, removal and joining again are no violation."""
    assert judge(_clean()) == []


@pytest.mark.parametrize(
    ("person", "wrong"),
    [
        (ANN, Listed(7, 1, 2, 0, "m7")),  # one more than there is
        (BEN, Listed(7, 5, 0, 0, "m7")),
        (BEN, Listed(7, 6, 1, 1, "m7")),
        (ANN, Listed(7, 1, 1, 0, "m5")),
    ],
)
def test_a_count_that_no_recount_gives_is_divergent(person: str, wrong: Listed) -> None:
    """Unread messages, mentions and the last message match the log."""
    history = _clean()
    history.lists[person][CHAT] = wrong
    assert _kinds(history) == {"divergent"}


def test_mentions_are_counted_by_their_last_edit() -> None:
    """Read, deleted and own messages do not count."""
    history = _clean()
    history.connected = []
    history.lists = {BEN: {CHAT: Listed(9, 1, 2, 1, "m7")}}
    log = history.logs[CHAT]
    edit = {"messageId": "m7", "of": 7, "message": "text 7b", "mentions": [BEN]}
    log.append(_event(8, "message.edited", ANN, **edit))
    log.append(_event(9, "message.deleted", ANN, messageId="m2", of=2))
    log[1] = {"deleted": True, **log[1], "message": ""}
    assert [v for v in judge(history) if "recount" in v.detail] == []
    history.lists[BEN][CHAT].mentions = 0
    assert len([v for v in judge(history) if "recount" in v.detail]) == 1


def test_an_answered_message_that_is_not_in_the_log_is_lost() -> None:
    """An answer is a promise."""
    history = _clean()
    history.sends.append(
        Sent(ANN, CHAT, "k9", "text 9", "socket", 9.0, ended=9.1, message_id="m9", seq=9)
    )
    assert _kinds(history) == {"lost"}


def test_an_unanswered_message_may_be_stored_or_not() -> None:
    """Without an answer both outcomes are correct."""
    history = _clean()
    history.sends[0].ended = None
    history.sends.append(Sent(ANN, CHAT, "k9", "text 9", "rest", 9.0))
    assert judge(history) == []


def test_a_message_that_nobody_sent_is_a_phantom() -> None:
    """Each message in the log was sent by the sender it names."""
    history = _clean()
    del history.sends[0]
    assert _kinds(history) == {"phantom"}


def test_a_delivered_event_that_no_log_holds_is_a_phantom() -> None:
    """Nothing is delivered that was not committed."""
    history = _clean()
    history.records.append(Got(8.2, "a", 2, _message(8, ANN)))
    assert _kinds(history) == {"phantom"}


def test_one_key_twice_in_the_log_is_a_duplicate() -> None:
    """A retry is answered with the first result and stored once."""
    history = _clean()
    history.logs[CHAT].append({**_message(8, ANN), "clientId": "k7", "message": "text 7"})
    history.connected = []
    assert _kinds(history) == {"duplicate"}


def test_a_seq_twice_on_one_socket_is_a_duplicate() -> None:
    """A node sends no event twice over the same socket."""
    history = _clean()
    history.records.append(Got(7.3, "a", 2, _message(7, ANN)))
    assert _kinds(history) == {"duplicate"}


def test_a_replayed_event_on_the_next_socket_is_no_duplicate_but_a_wrong_start() -> None:
    """A socket starts right after its cursor."""
    history = _clean()
    where = next(
        number for number, record in enumerate(history.records)
        if isinstance(record, Opened) and record.connection == 2
    )  # fmt: skip
    history.records.insert(where + 1, Got(3.7, "a", 2, _message(3, BEN)))
    assert _kinds(history) == {"duplicate"}


@pytest.mark.parametrize(("device", "seq"), [("a", 2), ("a", 4), ("a", 5), ("b", 2)])
def test_a_seq_that_is_left_out_on_a_socket_is_a_gap(device: str, seq: int) -> None:
    """Neither live nor in a replay may a socket skip a seq."""
    history = _clean()
    history.records.remove(_got(history, device, seq))
    assert "gap" in _kinds(history)


def test_a_missing_last_event_is_a_gap_in_the_view() -> None:
    """A device connected at the end has everything, including the last event."""
    history = _clean()
    history.records.remove(_got(history, "b", 7))
    assert _kinds(history) == {"gap"}


def test_a_device_that_is_away_at_the_end_may_lack_the_rest() -> None:
    """Only connected devices are checked for completeness."""
    history = _clean()
    history.records.remove(_got(history, "b", 7))
    history.connected = ["a"]
    assert judge(history) == []


def test_what_was_pulled_fills_the_view() -> None:
    """Events in a page of `/events` count as received."""
    history = _clean()
    history.records.remove(_got(history, "b", 7))
    history.records.append(Pulled(9.0, "b", CHAT, 6, [_message(7, ANN)]))
    assert judge(history) == []


def test_a_gap_in_the_log_is_found() -> None:
    """Seqs are 1, 2, 3 … in the log itself."""
    history = _clean()
    del history.logs[CHAT][4]
    assert "gap" in _kinds(history)


def test_a_lower_seq_after_a_higher_one_is_a_reorder() -> None:
    """Delivery order is seq order."""
    history = _clean()
    history.records.append(Got(7.3, "a", 2, _message(5, ANN)))
    assert _kinds(history) == {"reorder"}


def test_an_awaited_send_with_a_lower_seq_is_a_reorder() -> None:
    """A sender that awaits each answer finds the messages in the order of sending."""
    history = _clean()
    first, last = history.sends[0], history.sends[-1]
    first.started, first.ended, last.started, last.ended = 8.0, 8.1, 2.0, 2.1
    assert _kinds(history) == {"reorder"}


def test_another_text_than_the_logs_is_divergent() -> None:
    """An event is the same for every user."""
    history = _clean()
    changed = copy.deepcopy(_message(7, ANN))
    changed["message"] = "something else"
    _got(history, "b", 7).event = changed
    assert _kinds(history) == {"divergent"}


def test_an_answer_with_another_seq_than_the_logs_is_divergent() -> None:
    """The message is at the seq in its answer."""
    history = _clean()
    history.sends[-1].seq = 5
    assert "divergent" in _kinds(history)


def test_an_event_above_the_own_removal_is_stale() -> None:
    """No user gets an event with a seq above their own removal."""
    history = _clean()
    where = history.records.index(_got(history, "b", 6))
    history.records.insert(where, Got(5.2, "b", 1, _message(5, ANN)))
    assert "stale" in _kinds(history)


def test_a_snapshot_for_somebody_who_was_not_added_is_divergent() -> None:
    """Only added users get `chat.created` in place of the event."""
    history = _clean()
    _got(history, "a", 6).event = _snapshot()
    assert _kinds(history) == {"divergent"}


def test_a_small_gap_that_is_named_in_behind_is_a_breach() -> None:
    """A gap of at most 200 events is replayed."""
    history = _clean()
    opened = next(
        record for record in history.records if isinstance(record, Opened) and record.resume
    )
    opened.behind = [CHAT]
    assert "behind" in _kinds(history)


def test_a_good_send_that_is_refused_is_a_breach() -> None:
    """A dead dependency causes delays, never a permanent refusal."""
    history = _clean()
    history.sends.append(Sent(ANN, CHAT, "k9", "x", "rest", 9.0, refused="not_found"))
    assert _kinds(history) == {"refused"}


@pytest.mark.parametrize("side", ["users", "chats"])
def test_a_membership_that_only_one_side_knows_is_a_breach(side: str) -> None:
    """The memberships in users and the participants in chats agree."""
    history = _clean()
    if side == "users":
        history.memberships[CAT].append("chat-2")
    else:
        history.memberships[CAT].remove(CHAT)
    assert _kinds(history) == {"membership"}


def test_participants_that_the_log_does_not_explain_are_a_breach() -> None:
    """Snapshot and events agree."""
    history = _clean()
    history.participants[CHAT] = [ANN, BEN]
    history.memberships[CAT] = []
    assert _kinds(history) == {"membership"}


def test_recovery_is_counted_to_the_last_late_delivery() -> None:
    """From the fault's end to the last late delivery of a message sent since its start."""
    history = _clean()
    history.faults = [Fault(4.0, 4.5, "kill"), Fault(6.5, 6.5, "another")]
    _got(history, "a", 5).time = 6.25
    assert [(found.what, found.seconds) for found in recoveries(history)] == [
        ("kill", 1.75),
        ("another", 0.0),
    ]


def test_a_send_on_which_the_next_fault_falls_is_late_by_that_one() -> None:
    """Its delay says nothing about the fault before."""
    history = _clean()
    history.faults = [Fault(3.0, 3.5, "kill"), Fault(4.75, 6.0, "another")]
    _got(history, "a", 5).time = 6.25
    assert [(found.what, found.seconds) for found in recoveries(history)] == [
        ("kill", 0.0),
        ("another", 0.25),
    ]


def test_latencies_are_from_the_first_try_to_each_arrival() -> None:
    """Both devices count."""
    latencies = delivery_latencies(_clean())
    assert len(latencies) == 7
    assert all(abs(seconds - 0.2) < 0.001 for seconds in latencies)


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    """A run can be checked again from its saved history."""
    history = _clean()
    history.save(tmp_path / "run.json")
    assert msgspec.to_builtins(load_history(tmp_path / "run.json")) == msgspec.to_builtins(history)
