"""The messages of somebody whose account is deleted go too, wherever they were sent."""

from chats.appending import Appender
from chats.store.log import list_messages_of
from common.calls.service import call_seconds
from common.database.pool import Pool
from common.protocol.chats import DeleteMessagesOf, MessagesDeleted
from common.protocol.errors import unavailable
from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, Refused


async def delete_messages_of(
    pool: Pool, appender: Appender, request: DeleteMessagesOf
) -> MessagesDeleted:
    """A page of them: each an event of its own, as if they had deleted it.

    May be repeated. Raises Refusal `unavailable`.
    """
    found = await list_messages_of(pool, request.user, request.after, request.limit)
    items = [
        DeleteItem(
            chat=message.chat,
            user=request.user,
            message_id=message.message_id,
            key=new_id(),
            former=True,
        )
        for message in found
        if not message.is_deleted
    ]
    results = await appender.append(items, call_seconds.get())
    if any(isinstance(one, Refused) and one.code != "not_found" for one in results):
        raise unavailable()
    return MessagesDeleted(next=found[-1].place if len(found) == request.limit else "")
