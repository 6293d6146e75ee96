"""Pages of chats' logs, many at once: the call for them, and their JSON, which is what clients get.

A page is encoded where it is read. Processes that pass it on copy its bytes.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from common.protocol.wire import Internal

_BOOLEANS: Final = (b"false", b"true")
_LENGTHS: Final = b'{"lengths":['
_PAGES: Final = b'],"pages":['


class PageWanted(Internal):
    """A reader's page: of messages as in GetMessages, or of events as in GetEvents."""

    user: str
    chat: str
    of: Literal["messages", "events"]
    before: int | None
    after: int | None
    limit: int


class PagesRequest(Internal):
    wanted: list[PageWanted]


class PagesAnswer(Internal):
    """For each one wanted, in order, a MessagePage or EventPage; null if the reader does not take
    part or there is no such chat. `lengths` are their bytes, so that a process that passes them on
    need not look for their ends; the previous release leaves them out."""

    pages: list[msgspec.Raw]
    lengths: list[int] = msgspec.field(default_factory=list)


def encode_pages(pages: Sequence[bytes]) -> bytes:
    """A PagesAnswer, lengths first."""
    lengths = b",".join([b"%d" % len(page) for page in pages])
    return b"%b%b%b%b]}" % (_LENGTHS, lengths, _PAGES, b",".join(pages))


def read_pages(answer: bytes) -> list[bytes]:
    """Its pages, undecoded. Raises ValueError if it is not a PagesAnswer."""
    if not answer.startswith(_LENGTHS):
        return [bytes(page) for page in _decode(answer).pages]
    end = answer.index(_PAGES)
    place, pages = end + len(_PAGES), list[bytes]()
    for length in map(int, answer[len(_LENGTHS) : end].split(b",")):
        pages.append(answer[place : place + length])
        place += length + 1
    if place != len(answer) - 1:
        raise ValueError("the lengths of pages are not theirs")
    return pages


_decode: Final = msgspec.json.Decoder(PagesAnswer).decode


def encode_message_page(messages: bytes, seq: int, *, more: bool) -> bytes:
    """A MessagePage of messages that are encoded already, with commas between."""
    return b'{"messages":[%b],"seq":%d,"more":%b}' % (messages, seq, _BOOLEANS[more])


def encode_event_page(events: bytes, seq: int, *, more: bool) -> bytes:
    """The same of events that are encoded already."""
    return b'{"events":[%b],"seq":%d,"more":%b}' % (events, seq, _BOOLEANS[more])
