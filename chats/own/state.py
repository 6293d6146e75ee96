"""What is one person's own of a chat: how far they have read, what they want to hear of it."""

import re
from typing import Final

import msgspec

from chats.access import shown_chat_for_participant
from chats.membership.chats import show_chat
from chats.own.known import Known
from chats.store.chats import find_shown_chats
from chats.store.own import (
    OwnRow,
    OwnState,
    count_own,
    list_chats_by_activity,
    list_chats_by_making,
    set_own,
)
from common.calls.lanes import Lanes
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.protocol.chats import (
    Chat,
    GetChat,
    ListChats,
)
from common.protocol.errors import invalid, not_found, unavailable
from common.protocol.frames import MineChanged
from common.protocol.ids import is_id
from common.protocol.notices import pack_notice
from common.protocol.own import ChangeMine, Mine
from common.valkey.valkey import Valkey

_encode: Final = msgspec.json.Encoder().encode

NOTHING: Final = msgspec.Raw(b"null")
_NEWEST: Final = ("~", "ffffffff-ffff-ffff-ffff-ffffffffffff")
_CURSOR: Final = re.compile(r"([0-9TZ:.-]{24})_([0-9a-f-]{36})")


async def list_chats(pool: Pool, known: Known, request: ListChats) -> bytes:
    """A ChatPage, newest first, or in the order of their last messages; `next` is where the next
    page begins, where there are more. Raises Refusal `invalid_request` for a `before` that is no
    `next`."""
    size = request.limit + 1
    if request.by_activity:
        before = _NEWEST if request.before is None else _read_cursor(request.before)
        timed = await list_chats_by_activity(pool, request.user, before, size)
        found = [(f"{at[1:-1]}_{chat}", chat, state) for at, chat, state in timed]
    else:
        if request.before is not None and not is_id(request.before):
            raise _no_cursor()
        made = request.before or _NEWEST[1]
        listed = await list_chats_by_making(pool, request.user, made, size)
        found = [(chat, chat, state) for chat, state in listed]
    page = found[: request.limit]
    chats = await _show_chats(pool, known, request.user, [place[1:] for place in page])
    following = page[-1][0] if len(found) > len(page) else None
    return b'{"chats":[%b],"next":%b}' % (b",".join(chats), _encode(following))


async def get_chat(pool: Pool, request: GetChat) -> Chat:
    """Raises Refusal `not_found`."""
    found = await shown_chat_for_participant(pool, request.chat, request.user)
    [own] = await count_own(pool, [(request.chat, request.user)])
    if own is None:
        raise not_found()
    return msgspec.structs.replace(
        show_chat(*found), last=show_last(own.row), mine=show_mine(own.row)
    )


async def _show_chats(
    pool: Pool, known: Known, user: str, listed: list[tuple[str, OwnState]]
) -> list[bytes]:
    """Encoded; those that they have left meanwhile are gone."""
    held = known.find_list(user)
    shown = [
        one[1] if (one := held.shown.get(chat)) is not None and one[0] == state else None
        for chat, state in listed
    ]
    changed = [nth for nth, text in enumerate(shown) if text is None]
    known.count_listed(len(listed) - len(changed))
    if changed:
        made = await _show_changed(pool, known, user, [listed[nth] for nth in changed])
        kept = {}
        for nth, (text, is_of_state) in zip(changed, made, strict=True):
            shown[nth] = text
            if text is not None and is_of_state:
                chat, state = listed[nth]
                kept[chat] = state, text
        known.keep_list(user, held, kept)
    return [text for text in shown if text is not None]


async def _show_changed(
    pool: Pool, known: Known, user: str, listed: list[tuple[str, OwnState]]
) -> list[tuple[bytes | None, bool]]:
    """Each as it is now, and whether that is the state in which it was listed."""
    pairs, states = [(chat, user) for chat, _ in listed], [state for _, state in listed]
    counted = await known.fill_own(pool, pairs, states)
    shown = known.find_chats(listed)
    is_of_head = [text is not None for text in shown]
    missing = [nth for nth, text in enumerate(shown) if text is None and counted[nth] is not None]
    if missing:
        found = await find_shown_chats(pool, user, [listed[nth][0] for nth in missing])
        for nth in missing:
            (chat, state), one = listed[nth], counted[nth]
            if one is not None and chat in found:
                whole = msgspec.structs.replace(show_chat(*found[chat]), last=show_last(one.row))
                text = shown[nth] = _encode(whole)[:-1]  # without its end
                if found[chat][0].seq == state.head:
                    known.keep_chat(chat, state, text)
                    is_of_head[nth] = True
    return [
        (None, False)
        if text is None or one is None
        else (
            b'%b,"mine":%b}' % (text, _encode(show_mine(one.row))),
            is_known and one.state == state,
        )
        for text, one, is_known, state in zip(shown, counted, is_of_head, states, strict=True)
    ]


def _read_cursor(text: str) -> tuple[str, str]:
    found = _CURSOR.fullmatch(text)
    if found is None or not is_id(found[2]):
        raise _no_cursor()
    return f'"{found[1]}"', found[2]


def _no_cursor() -> Exception:
    return invalid("before", "must be `next` of a page of this list")


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
        [counted] = await count_own(self._pool, [(chat, user)])
        if counted is None:
            raise not_found()
        return show_mine(counted.row)
