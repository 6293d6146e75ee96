"""Drafts and stamps."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chats.log.encoding import (
    UNSTAMPED,
    blank,
    decode_controls,
    decode_said,
    draft_controls,
    draft_event,
    find_deleted,
    stamp,
    stamp_controls,
)
from common.protocol.chats import Control
from common.protocol.events import (
    ChatDeleted,
    Message,
    MessageDeleted,
    MessageEdited,
    ReactionAdded,
)
from common.protocol.ids import new_id

AT = "2026-01-02T03:04:05.678Z"


@given(st.text(), st.integers(1, 2**53))
def test_a_stamped_draft_is_the_event(text: str, seq: int) -> None:
    """Whatever users write, the bytes are the same as if the event were encoded with its seq."""
    ids: dict[str, Any] = {"chat": new_id(), "by": new_id(), "message_id": new_id()}
    draft = draft_event(Message(**ids, **UNSTAMPED, message=text))
    event = Message(**ids, seq=seq, at=AT, message=text)
    assert stamp(draft, seq, AT) == msgspec.json.encode(event)
    assert decode_said(stamp(draft, seq, AT)) == event


def test_text_that_looks_like_a_mark_is_left_alone() -> None:
    """The mark within a string has escaped quotes."""
    text = '"seq":0,"at":"" {"seq":0,'
    draft = draft_event(
        Message(chat=new_id(), by=new_id(), message_id=new_id(), message=text, **UNSTAMPED)
    )
    assert decode_said(stamp(draft, 7, AT)).message == text


def test_control_entries_get_the_seq_and_their_snapshot_too() -> None:
    """The entry and its snapshot have the event's seq and time."""
    event = ChatDeleted(chat=new_id(), by=new_id(), **UNSTAMPED)
    draft = draft_controls(
        [
            Control(seq=0, action="join", users=["u"], snapshot=msgspec.Raw(draft_event(event))),
            Control(seq=0, action="leave", users=["v"]),
        ]
    )
    join, leave = stamp_controls(draft, 9, AT)
    assert (join.seq, leave.seq) == (9, 9)
    assert isinstance(join.snapshot, msgspec.Raw)
    snapshot = msgspec.json.decode(join.snapshot)
    assert (snapshot["seq"], snapshot["at"]) == (9, AT)
    assert leave.snapshot is msgspec.UNSET
    stored = msgspec.json.encode([join, leave]).decode()
    assert msgspec.json.encode(decode_controls(stored)).decode() == stored


def test_no_control_entries_are_nothing() -> None:
    """Most events have no control entries."""
    assert draft_controls([]) is None
    assert stamp_controls(None, 1, AT) == decode_controls(None) == []


@pytest.mark.parametrize("kind", [Message, MessageEdited])
def test_a_blank_event_has_no_text(kind: type[Message | MessageEdited]) -> None:
    """All other fields stay."""
    fields: dict[str, Any] = {"chat": "c", "seq": 2, "at": AT, "by": "ann", "message_id": "m"}
    fields |= {"client_id": "k", "reply_to": "r"} if kind is Message else {"of": 1}
    before = kind(**fields, message="secret", mentions=["bob"])
    after = kind(**fields, message="", deleted=True)
    blanked = msgspec.json.decode(blank(msgspec.json.encode(before)))
    assert blanked == msgspec.json.decode(msgspec.json.encode(after))
    assert blanked == msgspec.json.decode(blank(msgspec.json.encode(blanked)))


def test_a_deletion_says_whose() -> None:
    """In the bytes that all events about the message share; other events delete nothing."""
    ids = {"chat": new_id(), "by": new_id(), "message_id": new_id()}
    about: dict[str, Any] = {**ids, "seq": 2, "at": AT, "of": 1}
    deletion = msgspec.json.encode(MessageDeleted(**about))
    reaction = msgspec.json.encode(ReactionAdded(**about, emoji="👍"))
    found = find_deleted(deletion)
    assert found is not None
    assert found in reaction
    assert find_deleted(reaction) is None
