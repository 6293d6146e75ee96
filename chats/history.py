"""What participants read of a chat's log: messages backwards, events forwards."""

import msgspec

from chats.access import events_for_participant, messages_for_participant
from common.database.pool import Pool
from common.protocol.chats import EventPage, GetEvents, GetMessages, MessagePage

MAX_PAGE_BYTES = 2**20


async def get_messages(pool: Pool, request: GetMessages) -> MessagePage:
    """Newest first, below `before`. Raises Refusal `not_found`."""
    page = await messages_for_participant(
        pool, request.chat, request.user, request.before, request.limit + 1
    )
    return MessagePage(
        messages=[msgspec.Raw(event) for event in page.events[: request.limit]],
        more=len(page.events) > request.limit,
    )


async def get_events(pool: Pool, request: GetEvents) -> EventPage:
    """Ascending, above `after`, at most `MAX_PAGE_BYTES`. Raises Refusal `not_found`."""
    page = await events_for_participant(
        pool, request.chat, request.user, request.after, request.limit, MAX_PAGE_BYTES
    )
    last = request.after + len(page.events)  # the log of a chat that has participants is dense
    return EventPage(
        events=[msgspec.Raw(event) for event in page.events], seq=page.head, more=last < page.head
    )
