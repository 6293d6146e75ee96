"""A user's own state of a chat: how far they have read, what they want to be notified of."""

from typing import Final

import msgspec

from chats.access import shown_chat_for_participant
from chats.membership.chats import show_chat
from chats.store.own import OwnRow, count_own, set_own
from common.calls.lanes import Lanes
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.protocol.chats import Chat, GetChat
from common.protocol.errors import not_found, unavailable
from common.protocol.frames import MineChanged
from common.protocol.notices import pack_notice
from common.protocol.own import ChangeMine, Mine
from common.valkey.valkey import Answered, Valkey

MAX_TRIES: Final = 4  # to read a chat and the user's own state of it as of one seq
NOTHING: Final = msgspec.Raw(b"null")


async def get_chat(pool: Pool, request: GetChat) -> Chat:
    """As of one seq, unless the chat changes otherwise than by messages faster than it is read.
    Raises Refusal `not_found`."""
    version = None
    for _ in range(MAX_TRIES):
        [own] = await count_own(pool, [(request.chat, request.user)])
        if own is None:
            raise not_found()
        now, participants = await shown_chat_for_participant(pool, request.chat, request.user)
        if now.version == version:
            # Only messages have been added since the last read: it was the same at the count.
            now = now._replace(seq=own.state.head)
        version = now.version
        chat = msgspec.structs.replace(
            show_chat(now, participants), last=show_last(own.row), mine=show_mine(own.row)
        )
        if own.state.head == chat.seq:
            break
    return chat


def show_mine(row: OwnRow) -> Mine:
    return Mine(
        read=row.read,
        unread=row.unread,
        mentions=row.mentions,
        notify=row.notify,
        archived=row.is_archived,
    )


def show_last(row: OwnRow) -> msgspec.Raw:
    return NOTHING if row.last is None else msgspec.Raw(row.last)


class OwnSettings:
    """Users' settings for chats. Changes by one user are made one after the other, so that the last
    one told to their sockets is the last one made."""

    def __init__(self, pool: Pool, valkey: Valkey) -> None:
        self._pool = pool
        self._valkey = valkey
        self._lanes: Lanes[ChangeMine, Mine] = Lanes(
            lambda user: user, self._change_alone, max_items=1
        )

    async def change(self, request: ChangeMine) -> Mine:
        """Raises Refusal `not_found`."""
        return await self._lanes.fetch(request.user, request)

    async def _change_alone(self, _: str, requests: list[ChangeMine], __: float) -> list[Mine]:
        [request] = requests
        try:
            mine = await self._change(request)
        except DatabaseUnavailable as error:
            raise unavailable() from error
        return [mine]

    async def _change(self, request: ChangeMine) -> Mine:
        """Publishes the state, and again if a message ends the archiving just then: its news may
        have been published first."""
        chat, user = request.chat, request.user
        if not await set_own(self._pool, chat, user, request.notify, request.archived):
            raise not_found()
        mine = await self._count(chat, user)
        told = self._tell(chat, user, mine)
        if not mine.archived:
            return mine
        await told
        again = await self._count(chat, user)
        if not again.archived:
            self._tell(chat, user, again)
        return again

    async def _count(self, chat: str, user: str) -> Mine:
        [counted] = await count_own(self._pool, [(chat, user)])
        if counted is None:
            raise not_found()
        return show_mine(counted.row)

    def _tell(self, chat: str, user: str, mine: Mine) -> Answered:
        changed = MineChanged(chat=chat, notify=mine.notify, archived=mine.archived)
        return self._valkey.publish([(self._valkey.topics.user(user), pack_notice(changed))])
