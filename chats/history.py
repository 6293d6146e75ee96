"""What people read of a chat's log: messages backwards, events forwards."""

import msgspec

from chats.access import chat_for_participant
from chats.store.log import list_events, list_messages
from common.database.pool import Pool
from common.protocol.chats import EventPage, GetEvents, GetMessages, MessagePage

MAX_PAGE_BYTES = 2**20


async def get_messages(pool: Pool, request: GetMessages) -> MessagePage:
    """Newest first, below `before`. Raises Refusal `not_found`."""
    row = await chat_for_participant(pool, request.chat, request.user)
    before = row.seq + 1 if request.before is None else min(request.before, row.seq + 1)
    found = await list_messages(pool, request.chat, before, request.limit + 1)
    return MessagePage(
        messages=[msgspec.Raw(event) for event in found[: request.limit]],
        more=len(found) > request.limit,
    )


async def get_events(pool: Pool, request: GetEvents) -> EventPage:
    """Ascending, above `after`, at most `MAX_PAGE_BYTES`. Raises Refusal `not_found`."""
    row = await chat_for_participant(pool, request.chat, request.user)
    found = await list_events(pool, request.chat, request.after, request.limit, MAX_PAGE_BYTES)
    last = found[-1][0] if found else request.after
    head = max(row.seq, last) if found else row.seq
    return EventPage(events=[msgspec.Raw(event) for _, event in found], seq=head, more=last < head)
