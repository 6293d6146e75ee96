"""What participants read of a chat: its current messages, and its events forwards."""

import msgspec

from chats.access import (
    events_for_participant,
    message_for_participant,
    messages_for_participant,
    next_messages_for_participant,
)
from common.database.pool import Pool
from common.protocol.chats import (
    EventPage,
    GetEvents,
    GetMessage,
    GetMessages,
    MessagePage,
    OneMessage,
)

MAX_PAGE_BYTES = 2**20


async def get_messages(pool: Pool, request: GetMessages) -> MessagePage:
    """Newest first: the newest ones below `before`, or the oldest ones above `after`.

    Raises Refusal `not_found`.
    """
    if request.after is None:
        page = await messages_for_participant(
            pool, request.chat, request.user, request.before, request.limit + 1
        )
        shown = page.events[: request.limit]
    else:
        page = await next_messages_for_participant(
            pool, request.chat, request.user, request.after, request.limit + 1
        )
        shown = page.events[: request.limit][::-1]
    return MessagePage(
        messages=[msgspec.Raw(message) for message in shown],
        seq=page.head,
        more=len(page.events) > request.limit,
    )


async def get_message(pool: Pool, request: GetMessage) -> OneMessage:
    """Raises Refusal `not_found`, also for a deleted one."""
    found = await message_for_participant(pool, request.chat, request.user, request.message_id)
    return OneMessage(message=msgspec.Raw(found))


async def get_events(pool: Pool, request: GetEvents) -> EventPage:
    """Ascending, above `after`, at most `MAX_PAGE_BYTES`. Raises Refusal `not_found`."""
    page = await events_for_participant(
        pool, request.chat, request.user, request.after, request.limit, MAX_PAGE_BYTES
    )
    last = request.after + len(page.events)  # the log of a chat that has participants is dense
    return EventPage(
        events=[msgspec.Raw(event) for event in page.events], seq=page.head, more=last < page.head
    )
