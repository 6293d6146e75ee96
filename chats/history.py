"""Reads of a chat by its participants: its current messages, and its events in order.

Pages are produced as the JSON that clients get, for many readers at once: a statement for one page
costs most of what one for a dozen does.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from chats.access import message_for_participant
from chats.store.history import MessagesRead, list_messages_above, list_messages_below
from chats.store.log import EventsRead, list_events_for
from chats.store.stretches import Stretch
from common.database.pool import Pool
from common.protocol.chats import GetEvents, GetMessage, GetMessages, OneMessage
from common.protocol.errors import not_found
from common.protocol.pages import (
    PagesRequest,
    PageWanted,
    encode_event_page,
    encode_message_page,
    encode_pages,
)
from common.protocol.wire import MAX_SEQ

MAX_PAGE_BYTES: Final = 2**20
AROUND_BYTES: Final = 256  # of a page, beside its events: 199 commas, the names, the head

_NOT_ALLOWED: Final = b"null"

_Read = Callable[[Pool, list[Stretch]], Awaitable[list[bytes | None]]]


async def get_pages(pool: Pool, request: PagesRequest) -> bytes:
    """A PagesAnswer."""
    pages = await _read_pages(pool, request.wanted)
    return encode_pages([page or _NOT_ALLOWED for page in pages])


async def get_messages(pool: Pool, request: GetMessages) -> bytes:
    """A MessagePage. Raises Refusal `not_found`."""
    return await _read_page(
        pool,
        PageWanted(
            user=request.user, chat=request.chat, of="messages",
            before=request.before, after=request.after, limit=request.limit,
        ),
    )  # fmt: skip


async def get_message(pool: Pool, request: GetMessage) -> OneMessage:
    """Raises Refusal `not_found`, for a deleted one too."""
    found = await message_for_participant(pool, request.chat, request.user, request.message_id)
    return OneMessage(message=msgspec.Raw(found))


async def get_events(pool: Pool, request: GetEvents) -> bytes:
    """An EventPage of at most `MAX_PAGE_BYTES`. Raises Refusal `not_found`."""
    return await _read_page(
        pool,
        PageWanted(
            user=request.user, chat=request.chat, of="events",
            before=None, after=request.after, limit=request.limit,
        ),
    )  # fmt: skip


async def _read_page(pool: Pool, wanted: PageWanted) -> bytes:
    [page] = await _read_pages(pool, [wanted])
    if page is None:
        raise not_found()
    return page


async def _read_pages(pool: Pool, wanted: Sequence[PageWanted]) -> list[bytes | None]:
    """None for a user who does not take part. All pages of a kind are from one snapshot."""
    pages: list[bytes | None] = [None] * len(wanted)
    places: defaultdict[_Read, list[int]] = defaultdict(list)
    for nth, one in enumerate(wanted):
        places[_reader_of(one)].append(nth)
    for read, nths in places.items():
        found = await read(pool, [_stretch(wanted[nth]) for nth in nths])
        for nth, page in zip(nths, found, strict=True):
            pages[nth] = page
    return pages


def _reader_of(wanted: PageWanted) -> _Read:
    if wanted.of == "events":
        return _read_events
    return _read_below if wanted.after is None else _read_above


def _stretch(wanted: PageWanted) -> Stretch:
    start = wanted.after
    if start is None:
        start = MAX_SEQ if wanted.before is None else wanted.before
    return Stretch(wanted.chat, wanted.user, start, wanted.limit)


async def _read_below(pool: Pool, wanted: list[Stretch]) -> list[bytes | None]:
    return [_show_messages(page) for page in await list_messages_below(pool, wanted)]


async def _read_above(pool: Pool, wanted: list[Stretch]) -> list[bytes | None]:
    return [_show_messages(page) for page in await list_messages_above(pool, wanted)]


async def _read_events(pool: Pool, wanted: list[Stretch]) -> list[bytes | None]:
    found = await list_events_for(pool, wanted, MAX_PAGE_BYTES - AROUND_BYTES)
    return [_show_events(page, stretch.start) for page, stretch in zip(found, wanted, strict=True)]


def _show_messages(page: MessagesRead | None) -> bytes | None:
    return page and encode_message_page(page.messages, page.head, more=page.more)


def _show_events(page: EventsRead | None, after: int) -> bytes | None:
    if page is None:
        return None
    last = after + page.amount  # the log of a chat that has participants is dense
    return encode_event_page(page.events, page.head, more=last < page.head)
