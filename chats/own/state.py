"""What is one person's own of a chat: how far they have read, what they want to hear of it."""

import re
from typing import Final

import msgspec

from chats.access import shown_chat_for_participant
from chats.membership.chats import show_chat
from chats.store.chats import list_chats_of_member
from chats.store.own import (
    OwnRow,
    list_chats_by_activity,
    read_own,
    set_own,
)
from common.calls.lanes import Lanes
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.protocol.chats import (
    Chat,
    ChatPage,
    GetChat,
    ListChats,
)
from common.protocol.errors import invalid, not_found, unavailable
from common.protocol.frames import MineChanged
from common.protocol.ids import is_id
from common.protocol.notices import pack_notice
from common.protocol.own import ChangeMine, Mine
from common.valkey.valkey import Valkey

NOTHING: Final = msgspec.Raw(b"null")
_NEWEST: Final = ("~", "ffffffff-ffff-ffff-ffff-ffffffffffff")
_CURSOR: Final = re.compile(r"([0-9TZ:.-]{24})_([0-9a-f-]{36})")


async def list_chats(pool: Pool, request: ListChats) -> ChatPage:
    """Newest first, or in the order of their last messages; `next` is where the next page begins,
    where there are more. Raises Refusal `invalid_request` for a `before` that is no `next`."""
    size = request.limit + 1
    if request.by_activity:
        before = _NEWEST if request.before is None else _read_cursor(request.before)
        timed = await list_chats_by_activity(pool, request.user, before, size)
        found = [(f"{at[1:-1]}_{row.id}", row, shown) for at, row, shown in timed]
    else:
        if request.before is not None and not is_id(request.before):
            raise _no_cursor()
        rows = await list_chats_of_member(pool, request.user, request.before, size)
        found = [(row.id, row, shown) for row, shown in rows]
    page = found[: request.limit]
    chats = [show_chat(row, shown) for _, row, shown in page]
    return ChatPage(
        chats=await add_own(pool, request.user, chats),
        next=page[-1][0] if len(found) > len(page) else None,
    )


async def get_chat(pool: Pool, request: GetChat) -> Chat:
    """Raises Refusal `not_found`."""
    found = await shown_chat_for_participant(pool, request.chat, request.user)
    chats = await add_own(pool, request.user, [show_chat(*found)])
    if not chats:
        raise not_found()
    return chats[0]


def _read_cursor(text: str) -> tuple[str, str]:
    found = _CURSOR.fullmatch(text)
    if found is None or not is_id(found[2]):
        raise _no_cursor()
    return f'"{found[1]}"', found[2]


def _no_cursor() -> Exception:
    return invalid("before", "must be `next` of a page of this list")


async def add_own(pool: Pool, user: str, chats: list[Chat]) -> list[Chat]:
    """The chats with the newest message and what is the user's; those that they have left
    meanwhile are gone."""
    if not chats:
        return []
    rows = await read_own(pool, [(chat.id, user) for chat in chats])
    return [
        msgspec.structs.replace(chat, last=show_last(row), mine=show_mine(row))
        for chat, row in zip(chats, rows, strict=True)
        if row is not None
    ]


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


class Wishes:
    """What people want to hear of chats. One person's changes are made one after the other, so that
    the last one told to their sockets is the last one made."""

    def __init__(self, pool: Pool, valkey: Valkey) -> None:
        self._pool = pool
        self._valkey = valkey
        self._lanes: Lanes[ChangeMine, Mine] = Lanes(
            lambda user: user, self._change_first, max_items=1
        )

    async def change(self, request: ChangeMine) -> Mine:
        """Raises Refusal `not_found`."""
        return await self._lanes.fetch(request.user, request)

    async def _change_first(self, _: str, requests: list[ChangeMine], __: float) -> list[Mine]:
        [request] = requests
        try:
            mine = await self._change(request)
        except DatabaseUnavailable as error:
            raise unavailable() from error
        changed = MineChanged(chat=request.chat, notify=mine.notify, archived=mine.archived)
        topic = self._valkey.topics.user(request.user)
        self._valkey.publish([(topic, pack_notice(changed))])
        return [mine]

    async def _change(self, request: ChangeMine) -> Mine:
        chat, user = request.chat, request.user
        if not await set_own(self._pool, chat, user, request.notify, request.archived):
            raise not_found()
        [row] = await read_own(self._pool, [(chat, user)])
        if row is None:
            raise not_found()
        return show_mine(row)
