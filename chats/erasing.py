"""Deletes data of a deleted account: the user's own state, and their messages if they want."""

from typing import Final

from chats.log.appending import Appender
from chats.store.direct import close_direct_chats
from chats.store.files import doom_files_of
from chats.store.log import SentMessage, list_messages_of
from chats.store.own import forget_own
from common.calls.service import call_seconds
from common.database.pool import Pool
from common.protocol.chats import DeleteMessagesOf, MessagesDeleted
from common.protocol.direct import DirectChats, EndAccount
from common.protocol.errors import unavailable
from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, Refused

# A message may have been edited a thousand times: the deletion of fifty of them would time out.
EVENTS_A_PAGE: Final = 2_000


async def end_account(pool: Pool, request: EndAccount) -> DirectChats:
    """Deletes their own state and their files that no message has attached; their direct chats stay
    with the other users, who can no longer send to them. May be repeated."""
    await forget_own(pool, request.user)
    await doom_files_of(pool, request.user)
    return DirectChats(chats=await close_direct_chats(pool, request.user))


async def delete_messages_of(
    pool: Pool, appender: Appender, request: DeleteMessagesOf
) -> MessagesDeleted:
    """Deletes a page of them: one event per message, as if they had deleted it. The page is shorter
    than requested if its messages have many edits.

    May be repeated. Raises Refusal `unavailable`.
    """
    found = await list_messages_of(pool, request.user, request.after, request.limit)
    page = _cut(found)
    items = [
        DeleteItem(
            chat=message.chat,
            user=request.user,
            message_id=message.message_id,
            key=new_id(),
            former=True,
        )
        for message in page
        if message.events
    ]
    results = await appender.append(items, call_seconds.get())
    if any(isinstance(one, Refused) and one.code != "not_found" for one in results):
        raise unavailable()
    is_last = len(page) == len(found) < request.limit
    return MessagesDeleted(next="" if is_last else page[-1].place)


def _cut(found: list[SentMessage]) -> list[SentMessage]:
    events = 0
    for number, message in enumerate(found, 1):
        events += message.events
        if events >= EVENTS_A_PAGE:
            return found[:number]
    return found
