"""The only gate to a chat: it fetches and authorises in one call; nothing else returns the object.

A chat that does not exist and one that the caller is not in get the same refusal.
"""

from chats.store.chats import ChatRow, find_chat_of_member, find_shown_chat
from chats.store.files import FileRow, find_file, find_linked_file
from chats.store.history import find_message
from common.database.pool import Pool
from common.protocol.errors import Refusal, not_found
from common.protocol.ids import is_id


async def chat_for_participant(pool: Pool, chat: str, user: str) -> ChatRow:
    """Raises Refusal `not_found`."""
    row = await find_chat_of_member(pool, chat, user)
    if row is None:
        raise not_found()
    return row


async def chat_for_owner(pool: Pool, chat: str, user: str) -> ChatRow:
    """A group. Raises Refusal `not_found`, or `forbidden` for a participant who does not own it."""
    row = await chat_for_participant(pool, chat, user)
    if row.owner is None:
        raise direct_stays()
    if row.owner != user:
        raise owner_only()
    return row


async def shown_chat_for_participant(pool: Pool, chat: str, user: str) -> tuple[ChatRow, list[str]]:
    """With its first participants, both from one snapshot. Raises Refusal `not_found`."""
    found = await find_shown_chat(pool, chat, user)
    if found is None:
        raise not_found()
    return found


async def message_for_participant(pool: Pool, chat: str, user: str, message: str) -> bytes:
    """Raises Refusal `not_found`, for a deleted one too."""
    found = await find_message(pool, chat, user, message) if is_id(message) else None
    if found is None:
        raise not_found()
    return found


def direct_stays() -> Refusal:
    """The refusal of changing a direct chat, or leaving it."""
    return Refusal("forbidden", "A direct chat cannot be changed, left or deleted.")


async def file_for_reader(pool: Pool, file: str, chat: str, reader: str) -> FileRow:
    """Raises Refusal `not_found`, also for another user's upload that no message has attached."""
    found = None
    if is_id(file) and is_id(chat):
        found = await find_file(pool, file, chat, reader)
    if found is None:
        raise not_found()
    return found


async def linked_file(pool: Pool, file: str) -> FileRow:
    """For the holder of a link, which is valid as long as the file exists. Raises Refusal
    `not_found`."""
    found = await find_linked_file(pool, file) if is_id(file) else None
    if found is None:
        raise not_found()
    return found


def owner_only() -> Refusal:
    """The refusal to a participant of what only the owner may do."""
    return Refusal("forbidden", "Only the owner of the chat may do this.")
