"""The Python client's session: its outputs for given inputs. The table is shared by all clients."""

import json
from pathlib import Path
from typing import Any

import pytest
from hubbub_client.ends import ComeBack, Ends
from hubbub_client.events import Event, Restarted
from hubbub_client.session import (
    Answer,
    Output,
    Pull,
    Ready,
    RefreshToken,
    Refusal,
    Session,
)
from hypothesis import given
from hypothesis import strategies as st

CLIENTS = Path(__file__).parents[2] / "clients"
CASES: list[dict[str, Any]] = json.loads((CLIENTS / "sessions.json").read_text())


def _shown(output: Output) -> dict[str, Any]:
    """In the notation of the table."""
    match output:
        case Restarted(chat):
            return {"restarted": chat}
        case Event():
            return {"deliver": [output.chat, output.seq]}
        case Pull():
            return {"pull": [output.chat, output.after]}
        case Ready():
            return {"ready": output.ping_seconds}
        case Answer():
            return {"answer": [output.client_id, output.code]}
        case RefreshToken():
            return {"refreshToken": True}
        case Refusal():
            return {"refusal": output.code}
        case _:
            return {"moment": output.__struct_config__.tag}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_scripted_session(case: dict[str, Any]) -> None:
    """Outputs after each step, and cursors at the end."""
    session = Session("bob", case.get("cursorsBefore"), case.get("epoch"))
    ends = Ends()
    pulls: dict[str, Pull] = {}
    for step in case["steps"]:
        outputs: list[Output] = []
        if "closed" in step:
            code, reason = step["closed"]
            next_ = ends.closed(code, reason, chance=0.5)
            stopped = {"stop": code}
            out = stopped if next_ is None else {"comeBack": [next_.seconds, next_.refresh]}
            assert out == step["out"]
            continue
        if "receive" in step:
            if step["receive"][0]["type"] == "ready":
                session.hello("t")
            frame = b"\n".join(json.dumps(line).encode() for line in step["receive"])
            outputs = session.receive_text(frame)
        elif "pulled" in step:
            more = step.get("more", False)
            outputs = session.pulled(pulls[step["chat"]], step["pulled"], more=more)
        else:
            outputs = session.gone(pulls[step["gone"]])
        if any(isinstance(output, Ready) for output in outputs):
            ends.ready()
        pulls |= {output.chat: output for output in outputs if isinstance(output, Pull)}
        assert [_shown(output) for output in outputs] == step["out"]
    assert session.cursors == case["cursors"]


def ready(chats: dict[str, int], epoch: str = "e", **more: Any) -> dict[str, Any]:
    return {"type": "ready", "user": "bob", "epoch": epoch, "chats": chats, "behind": [],
            "pingSeconds": 25, **more}  # fmt: skip


def heard(session: Session, frame: dict[str, Any]) -> list[Output]:
    """The outputs for the `ready` that answers a `connect`."""
    session.hello("t")
    return session.receive(frame)


def test_from_the_start_each_chat_begins_with_its_first_event() -> None:
    """At the first socket, in chats joined while away, and after a change of epoch."""
    session = Session("bob", from_start=True)
    started = [Ready(25, {"a": 0}), Pull("a", 0, 1)]
    assert heard(session, ready({"a": 7})) == started
    assert heard(session, ready({"a": 7, "b": 3}, read={"a": 7, "b": 3}))[1:] == [Pull("b", 0, 2)]
    assert heard(session, ready({"a": 2}, "another"))[1:] == [Restarted(None),
                                                              Pull("a", 0, 3)]  # fmt: skip
    session.cursors["a"] = 9
    assert heard(session, ready({"a": 2}, "another", behind=["a"]))[1:] == [
        Restarted("a"), Pull("a", 0, 4),
    ]  # fmt: skip


def test_where_a_chat_begins_is_told_before_what_comes_with_it() -> None:
    """A program that stores cursors stores these, however many events are in the same frame."""
    session = Session()
    event = {"type": "chat.deleted", "chat": "a", "seq": 8, "at": "t", "by": "ann"}
    frame = b"\n".join(json.dumps(line).encode() for line in (ready({"a": 7}), event))
    outputs = session.receive_text(frame)
    assert outputs[0] == Ready(25, {"a": 7})
    assert isinstance(outputs[1], Event)


@pytest.mark.parametrize(("named", "wait"), [(0.0, 0.25), (7.0, 7.0), (86_400.0, 60.0)])
def test_a_full_node_is_asked_again_when_it_says_but_within_a_minute(
    named: float, wait: float
) -> None:
    """A proxy in maintenance may name hours, and be back in a minute."""
    assert Ends().closed(1006, retry_after=named) == ComeBack(wait, refresh=False)


def test_an_event_that_a_page_brought_ahead_of_ready_is_no_other_history() -> None:
    """It was made after the node had read the heads, and comes over the socket as well."""
    later = {"type": "message", "chat": "a", "seq": 4, "at": "t", "by": "ann",
             "messageId": "m4", "message": "x"}  # fmt: skip
    for from_start in (False, True):
        session = Session("bob", {"a": 3}, "e", from_start=from_start)
        [_, pull] = heard(session, ready({"a": 4}, behind=["a"]))
        assert isinstance(pull, Pull)
        session.hello("t")
        assert len(session.pulled(pull, [later])) == 1
        assert session.receive(ready({"a": 3})) == [Ready(25, {"a": 4})]
        assert session.receive(later) == []


@given(st.lists(st.sampled_from(["send", "lose", "page", "cut"]), max_size=60))
def test_whatever_is_lost_each_event_is_delivered_once_and_in_order(steps: list[str]) -> None:
    """Events arrive, are lost in transit, are pulled, and sockets end, in any order."""
    head, had = 0, []
    session = Session("bob")
    pull: Pull | None = None

    def event(seq: int) -> dict[str, Any]:
        return {"type": "message", "chat": "a", "seq": seq, "at": "t", "by": "ann",
                "messageId": f"m{seq}", "message": "x"}  # fmt: skip

    def take(outputs: list[Output]) -> None:
        nonlocal pull
        for output in outputs:
            if isinstance(output, Event):
                had.append(output.seq)
            elif isinstance(output, Pull):
                pull = output

    def connect() -> None:
        behind = ["a"] if session.epoch is not None else []
        ready = {"type": "ready", "user": "bob", "epoch": "e", "chats": {"a": head},
                 "behind": behind, "pingSeconds": 25}  # fmt: skip
        take(session.receive_text(json.dumps(ready)))

    connect()
    for step in [*steps, "cut"]:
        if step == "cut":
            connect()
        elif step == "page" and pull is not None:
            page = [event(seq) for seq in range(pull.after + 1, head + 1)][:2]
            more = bool(page) and page[-1]["seq"] < head
            take(session.pulled(pull, page, more=more))
        else:
            head += 1
            if step == "send":
                take(session.receive_text(json.dumps(event(head))))
    while pull is not None and session.wants(pull):
        page = [event(seq) for seq in range(pull.after + 1, head + 1)]
        take(session.pulled(pull, page))
    assert had == list(range(1, head + 1))
