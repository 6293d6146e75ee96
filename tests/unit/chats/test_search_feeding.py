"""How events of a log change the search index."""

from typing import Any

import msgspec

from chats.search.feeding import UnfedRow, changes_of

CHAT, ANN = "c", "ann"
FILES = [{"id": "f1", "name": "Übersicht 2026.PDF", "type": "application/pdf", "size": 7}]


def row(seq: int, kind: str = "message", **fields: Any) -> UnfedRow:
    event = {
        "type": kind, "chat": CHAT, "seq": seq, "at": "2026-11-26T10:00:00.123Z", "by": ANN,
        "messageId": f"m{fields.get('of', seq)}", **fields,
    }  # fmt: skip
    return UnfedRow(CHAT, seq, msgspec.json.encode(event))


def test_a_message_is_found_by_its_text_and_by_the_names_of_its_files() -> None:
    """No phrase spans both."""
    changes = changes_of([row(2, message="Hello you", attachments=FILES)])
    [entry] = changes.entries[CHAT]
    assert entry.line == " hello you | ubersicht 2026 pdf "
    assert entry.head == f"2 {entry.ms} m2 {ANN}"
    assert f" @{ANN} " in entry.extra
    assert changes.upto == {CHAT: 2}


def test_what_changes_among_the_same_rows_is_changed_before_it_is_written() -> None:
    """An edit keeps the names of files, a deletion keeps nothing."""
    rows = [
        row(2, message="one", attachments=FILES),
        row(3, message="two", attachments=FILES),
        row(4, "message.edited", message="uno", of=2),
        row(5, "message.deleted", of=3),
        UnfedRow(CHAT, 6, None),
    ]
    changes = changes_of(rows)
    assert [e.line for e in changes.entries[CHAT]] == [" uno | ubersicht 2026 pdf ", " "]
    assert changes.lines == []
    assert changes.upto == {CHAT: 6}


def test_what_changes_a_message_of_before_is_another_line_for_it() -> None:
    """Of several lines of a message the last one counts."""
    rows = [
        row(7, "message.edited", message="uno", of=2),
        row(8, "message.edited", message="due", of=2),
        row(9, "message.deleted", of=3),
    ]
    changes = changes_of(rows)
    assert [(line.seq, line.line, line.keeps_names) for line in changes.lines] == [
        (2, " due ", True),
        (3, " ", False),
    ]


def test_the_end_of_a_chat_takes_it_out_of_the_index() -> None:
    """`chat.deleted`, the last event of the log, removes the chat from the index."""
    assert changes_of([row(2, message="one"), row(3, "chat.deleted")]).ended == [CHAT]
