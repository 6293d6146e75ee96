"""Pages of chats' logs, many at once: the call for them, and their JSON, which is what clients get.

A page is encoded where it is read. Whoever passes it on copies its bytes.
"""

from typing import Final, Literal

import msgspec

from common.protocol.chats import Internal

_BOOLEANS: Final = (b"false", b"true")


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
    """For each one wanted, in order, a MessagePage or EventPage; null where the reader does not
    take part or there is no such chat."""

    pages: list[msgspec.Raw]


def encode_message_page(messages: bytes, seq: int, *, more: bool) -> bytes:
    """A MessagePage of messages that are encoded already, with commas between."""
    return b'{"messages":[%b],"seq":%d,"more":%b}' % (messages, seq, _BOOLEANS[more])


def encode_event_page(events: bytes, seq: int, *, more: bool) -> bytes:
    """The same of events that are encoded already."""
    return b'{"events":[%b],"seq":%d,"more":%b}' % (events, seq, _BOOLEANS[more])
