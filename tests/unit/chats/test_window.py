"""The hot window."""

import gc
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chats.log.window import Recent, Window
from common.protocol.chats import Control
from common.protocol.ids import new_id

CHAT, OTHER = new_id(), new_id()
MESSAGE, OTHER_MESSAGE = new_id(), new_id()


def events(first: int, last: int, size: int = 10) -> list[Recent]:
    return [Recent(seq, b"x" * size, []) for seq in range(first, last + 1)]


def make_window(max_bytes: int = 10_000, max_bytes_a_chat: int = 5_000) -> Window:
    return Window(max_bytes=max_bytes, max_bytes_a_chat=max_bytes_a_chat)


def seqs(window: Window, after: int, limit: int = 1_000, chat: str = CHAT) -> list[int] | None:
    found = window.list_events(chat, after, limit)
    return None if found is None else [event.seq for event in found.events]


def test_it_answers_only_what_it_holds_without_a_gap() -> None:
    """It reaches back to its first event and reports its last one."""
    window = make_window()
    window.add(CHAT, events(4, 6))
    window.add(CHAT, events(7, 8))
    assert seqs(window, 3) == [4, 5, 6, 7, 8]
    assert seqs(window, 6, limit=1) == [7]
    assert seqs(window, 8) == []
    assert seqs(window, 2) is None
    assert seqs(window, 0, chat=OTHER) is None
    found = window.list_events(CHAT, 6, 1)
    assert found is not None
    assert found.last == 8


def test_the_garbage_collector_does_not_know_its_events() -> None:
    """It would stop the process while it visits each of a hundred thousand."""
    window = make_window(max_bytes=1_000_000, max_bytes_a_chat=1_000_000)
    window.add(CHAT, [Recent(seq, b"x" * 10) for seq in range(1, 1_001)])
    found = window.list_events(CHAT, 0, 1_000)
    assert found is not None
    assert len(found.events) == 1_000
    assert not any(gc.is_tracked(event) or gc.is_tracked(event.controls) for event in found.events)


def test_a_gap_begins_anew() -> None:
    """An event after a gap replaces what is held; old events are ignored."""
    window = make_window()
    window.add(CHAT, events(1, 3))
    window.add(CHAT, events(5, 6))
    assert seqs(window, 3) is None
    window.add(CHAT, events(2, 3))
    assert seqs(window, 4) == [5, 6]


def test_what_was_read_extends_it_backwards() -> None:
    """A slice read up to the head replaces a shorter run, but not one that has newer events."""
    window = make_window()
    window.add(CHAT, events(5, 6))
    window.fill(CHAT, events(1, 6))
    assert seqs(window, 0) == [1, 2, 3, 4, 5, 6]
    window.add(OTHER, events(5, 7))
    window.fill(OTHER, events(1, 6))
    assert seqs(window, 0, chat=OTHER) is None
    assert seqs(window, 4, chat=OTHER) == [5, 6, 7]


def test_a_chat_keeps_its_newest_events() -> None:
    """Above the byte limit of a chat its oldest events are dropped."""
    window = make_window(max_bytes_a_chat=500)
    window.add(CHAT, events(1, 9))
    assert seqs(window, 6) == [7, 8, 9]
    assert seqs(window, 5) is None


def test_the_chat_that_was_used_least_recently_goes_first() -> None:
    """Above the byte limit of all chats; reading counts as use."""
    window = make_window(max_bytes=1_000)
    for chat in ("a", "b", "c"):
        window.add(chat, events(1, 2))
    assert seqs(window, 0, chat="a") == [1, 2]
    window.add("d", events(1, 2))
    assert [seqs(window, 0, chat=chat) for chat in "abcd"] == [[1, 2], None, [1, 2], [1, 2]]


def test_snapshots_count() -> None:
    """The bytes of control entries are bounded too."""
    window = make_window(max_bytes_a_chat=5_000)
    snapshot = msgspec.Raw(b'"' + b"x" * 6_000 + b'"')
    control = Control(seq=1, action="join", users=["u"], snapshot=snapshot)
    window.add(CHAT, [Recent(1, b"{}", [control])])
    assert window.size == 0
    assert seqs(window, 0) is None


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 12), st.integers(0, 4), st.booleans()))
)
def test_it_is_dense_and_bounded_whatever_comes(
    additions: list[tuple[str, int, int, bool]],
) -> None:
    """Every answer is without a gap from `after` to its last seq, and the bytes add up."""
    window = make_window(max_bytes=1_600, max_bytes_a_chat=1_000)
    for chat, first, more, is_read in additions:
        (window.fill if is_read else window.add)(chat, events(first, first + more))
        assert window.size <= 1_600
        total = 0
        for each in "ab":
            for after in range(18):
                found = window.list_events(each, after, 100)
                if found is not None:
                    expected = list(range(after + 1, found.last + 1))
                    assert [event.seq for event in found.events] == expected
                    total = max(total, len(expected) * 160) if after else total
        assert total <= window.size


def event(seq: int, kind: str, message_id: str = MESSAGE, **more: Any) -> Recent:
    fields = {
        "type": kind,
        "messageId": message_id,
        "chat": CHAT,
        "seq": seq,
        "at": "t",
        "by": new_id(),
    }
    return Recent(seq, msgspec.json.encode(fields | more), [])


def said(window: Window) -> list[Any]:
    found = window.list_events(CHAT, 0, 100)
    assert found is not None
    return [msgspec.json.decode(recent.event) for recent in found.events]


QUOTED = f'"messageId":"{MESSAGE}"'
HELD = [
    event(1, "message", message="secret", clientId="k", mentions=["bob"]),
    event(2, "message", OTHER_MESSAGE, message=QUOTED, replyTo=MESSAGE),
    event(3, "message.edited", of=1, message="secret too", mentions=["bob"]),
    event(4, "reaction.added", of=1, emoji="👍"),
]
DELETION = event(5, "message.deleted", of=1)


def assert_is_blank(window: Window) -> None:
    message, other, edit, reaction, deletion = said(window)
    assert (message["message"], message["deleted"], message["clientId"]) == ("", True, "k")
    assert (edit["message"], edit["deleted"], edit["of"]) == ("", True, 1)
    assert "mentions" not in {**message, **edit}
    assert other["message"] == QUOTED
    assert [other, reaction, deletion] == [
        msgspec.json.decode(recent.event) for recent in (HELD[1], HELD[3], DELETION)
    ]


def test_a_deletion_blanks_what_is_held() -> None:
    """The text of the message and of its edits is removed when the deletion comes; others stay."""
    window = make_window()
    window.add(CHAT, HELD)
    window.add(CHAT, [DELETION])
    assert_is_blank(window)


def test_a_deletion_that_was_read_blanks_what_is_held() -> None:
    """Also if another replica committed it, and the events after it were read from the log."""
    window = make_window()
    window.add(CHAT, HELD)
    window.fill(CHAT, [HELD[3], DELETION])
    assert_is_blank(window)
