"""Changes of the search index that follow from events of a log. Pure.

A message becomes an entry. An edit replaces its line, a deletion empties it; if the message is
among the same rows, its entry is changed before it is written.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from chats.search.blocks import Entry
from chats.search.words import line_of, pairs_of

_BEFORE_NAME: Final = "|"  # no phrase spans the text and a file's name


class UnfedRow(NamedTuple):
    """A row of the log; `event` is None if no word depends on it."""

    chat: str
    seq: int
    event: bytes | None


class Line(NamedTuple):
    """A new line for a message that is in the index already; an edit keeps its files' names, which
    follow a `|` in line and extra."""

    chat: str
    seq: int
    line: str
    extra: str
    keeps_names: bool


class Changes(NamedTuple):
    """The changes from rows of the log, entries by chat. `upto` is how far each chat is then;
    `ended` are chats that were deleted: nothing of them stays."""

    entries: dict[str, list[Entry]]
    lines: list[Line]
    upto: dict[str, int]
    ended: list[str]


class _Attachment(msgspec.Struct):
    name: str


class _Event(msgspec.Struct, rename="camel"):
    type: str
    at: str
    by: str
    message_id: str = ""
    message: str = ""
    of: int = 0
    deleted: bool = False
    attachments: list[_Attachment] = []


_decode = msgspec.json.Decoder(_Event).decode


def changes_of(rows: Iterable[UnfedRow]) -> Changes:
    """`rows` are consecutive in each chat."""
    entries: dict[tuple[str, int], Entry] = {}
    lines: dict[tuple[str, int], Line] = {}
    upto: dict[str, int] = {}
    names: dict[tuple[str, int], list[_Attachment]] = {}
    ended: list[str] = []
    for chat, seq, data in rows:
        upto[chat] = seq
        if data is None:
            continue
        event = _decode(data)
        if event.type == "message":
            names[chat, seq] = event.attachments
            line, extra = _words(event.message, event.attachments, event.by)
            ms = milliseconds(event.at)
            head = f"{seq} {ms} {event.message_id} {event.by}"
            entries[chat, seq] = Entry(chat, seq, ms, head, line, extra)
        elif event.type == "chat.deleted":
            ended.append(chat)
        elif (entry := entries.get((chat, event.of))) is not None:
            sender = entry.head.rpartition(" ")[2]
            attachments = names[chat, event.of] if event.type == "message.edited" else []
            line, extra = _words(event.message, attachments, sender)
            entries[chat, event.of] = entry._replace(line=line, extra=extra)
        else:
            line, extra = _words(event.message, [], event.by)
            keeps_names = event.type == "message.edited"
            lines[chat, event.of] = Line(chat, event.of, line, extra, keeps_names)
    by_chat: dict[str, list[Entry]] = {}
    for entry in entries.values():
        by_chat.setdefault(entry.chat, []).append(entry)
    return Changes(by_chat, list(lines.values()), upto, ended)


@lru_cache  # all messages of a batch have one time
def milliseconds(at: str) -> int:
    """Since 1970, of a time in wire format."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def _words(text: str, attachments: list[_Attachment], sender: str) -> tuple[str, str]:
    """The line, and what the index needs besides its words."""
    line = line_of(text)
    pairs = pairs_of(line)
    extra = f" @{sender} {' '.join(pairs)} " if pairs else f" @{sender} "
    for attachment in attachments:
        name = line_of(attachment.name)
        line += _BEFORE_NAME + name
        extra += f"{_BEFORE_NAME} {' '.join(pairs_of(name))} "
    return line, extra
