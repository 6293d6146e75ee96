"""The lists of users' chats. One statement reads all requests that arrived during the last one."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from chats.membership.chats import show_chat
from chats.own.read_cache import ReadCache
from chats.own.state import MAX_TRIES, show_last, show_mine
from chats.store.chats import ChatRow, find_shown_chats
from chats.store.own import (
    Listed,
    ListWanted,
    OwnState,
    count_blocks,
    list_chats_by_activity,
    list_chats_by_making,
)
from common.calls.lanes import Lanes
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.protocol.chats import ListChats
from common.protocol.errors import invalid, unavailable
from common.protocol.ids import HIGHEST_ID, is_id

MAX_LISTS_A_STATEMENT: Final = 16

_encode: Final = msgspec.json.Encoder().encode

_NEWEST: Final = ("~", HIGHEST_ID)
_CURSOR: Final = re.compile(
    r"(\d{4}(?:-\d\d){2}T(?:\d\d:){2}\d\d\.\d{3}Z)_([0-9a-f-]{36})", re.ASCII
)

_Lanes: TypeAlias = Lanes[ListWanted, list[Listed]]
_Read: TypeAlias = Callable[[Pool, Sequence[ListWanted]], Awaitable[list[list[Listed]]]]


class Lists:
    """Of one process; `cache` has what was shown before."""

    def __init__(self, pool: Pool, cache: ReadCache) -> None:
        self._pool = pool
        self._cache = cache
        self._by_making = _create_lanes(pool, list_chats_by_making)
        self._by_activity = _create_lanes(pool, list_chats_by_activity)

    async def list_chats(self, request: ListChats) -> bytes:
        """A ChatPage, newest first, or in the order of their last messages; `next` is where the
        next page begins, if there are more. Raises Refusal: `invalid_request` for a `before` that
        is no `next`, `unavailable`."""
        found = await self._list(request)
        page = found[: request.limit]
        chats = await self._show(request.user, [(one.chat, one.state) for one in page])
        following = None
        if len(found) > len(page):
            last = page[-1]
            following = f"{last.at[1:-1]}_{last.chat}" if request.by_activity else last.chat
        return b'{"chats":[%b],"next":%b}' % (b",".join(chats), _encode(following))

    async def _list(self, request: ListChats) -> list[Listed]:
        """One more than a page has, if there is one."""
        at, chat = _NEWEST
        if request.before is not None:
            at, chat = _read_place(request.before, request.by_activity)
        wanted = ListWanted(request.user, at, chat, request.limit + 1)
        if not request.by_activity:
            return await self._by_making.fetch(request.user, wanted)
        found = await self._by_activity.fetch(request.user, wanted)
        while uncounted := [one.chat for one in found if not one.at]:
            await count_blocks(self._pool, uncounted)
            found = await self._by_activity.fetch(request.user, wanted)
        return found

    async def _show(self, user: str, listed: list[tuple[str, OwnState]]) -> list[bytes]:
        """Encoded; chats that the user has left meanwhile are omitted."""
        held = self._cache.find_list(user)
        shown = [
            one[1] if (one := held.shown.get(chat)) is not None and one[0] == state else None
            for chat, state in listed
        ]
        changed = {nth: listed[nth] for nth, text in enumerate(shown) if text is None}
        self._cache.count_listed(len(listed) - len(changed))
        kept = {}
        rows: dict[str, ChatRow] = {}
        for _ in range(MAX_TRIES):
            if not changed:
                break
            made = await self._show_changed(user, list(changed.values()), rows)
            behind = {}
            for (nth, (chat, _)), (text, state, is_whole) in zip(
                changed.items(), made, strict=True
            ):
                shown[nth] = text
                if text is not None and is_whole:
                    kept[chat] = state, text
                elif text is not None:
                    behind[nth] = chat, state
            changed = behind
        if kept:
            self._cache.keep_list(user, held, kept)
        return [text for text in shown if text is not None]

    async def _show_changed(
        self, user: str, listed: list[tuple[str, OwnState]], rows: dict[str, ChatRow]
    ) -> list[tuple[bytes | None, OwnState, bool]]:
        """Each as it is now, its state, and whether all of it is from that state. `rows` are those
        read by the previous call, and then by this one."""
        pairs, states = [(chat, user) for chat, _ in listed], [state for _, state in listed]
        counted = await self._cache.fill_own(self._pool, pairs, states)
        states = [
            state if one is None else one.state for state, one in zip(states, counted, strict=True)
        ]
        current = [(chat, state) for (chat, _), state in zip(listed, states, strict=True)]
        shown = self._cache.find_chats(current)
        is_whole = [text is not None for text in shown]
        missing = [
            nth for nth, text in enumerate(shown) if text is None and counted[nth] is not None
        ]
        if missing:
            found = await find_shown_chats(self._pool, user, [listed[nth][0] for nth in missing])
            for nth in missing:
                (chat, state), one = current[nth], counted[nth]
                if one is not None and chat in found:
                    row, participants = found[chat]
                    if chat in rows and rows[chat].version == row.version:
                        # Only messages have been added in between: it was the same at the count.
                        row = row._replace(seq=state.head)
                    rows[chat] = row
                    whole = msgspec.structs.replace(
                        show_chat(row, participants), last=show_last(one.row)
                    )
                    text = shown[nth] = _encode(whole)[:-1]  # without its end
                    if row.seq == state.head:
                        self._cache.keep_chat(chat, state, text)
                        is_whole[nth] = True
                    else:
                        states[nth] = state._replace(head=row.seq)
        return [
            (None, state, False)
            if text is None or one is None
            else (b'%b,"mine":%b}' % (text, _encode(show_mine(one.row))), state, whole)
            for text, one, state, whole in zip(shown, counted, states, is_whole, strict=True)
        ]


def _create_lanes(pool: Pool, read: _Read) -> _Lanes:
    async def read_batch(_: str, wanted: list[ListWanted], __: float) -> list[list[Listed]]:
        try:
            return await read(pool, wanted)
        except DatabaseUnavailable as error:
            raise unavailable() from error

    return Lanes(_lane_of, read_batch, max_items=MAX_LISTS_A_STATEMENT)


def _lane_of(user: str) -> str:
    """One of two: PostgreSQL reads for one while the chats of the other one are encoded."""
    return "even" if int(user[-1], 16) % 2 == 0 else "odd"


def _read_place(before: str, by_activity: bool) -> tuple[str, str]:
    if not by_activity and is_id(before):
        return "", before
    found = _CURSOR.fullmatch(before)
    if not by_activity or found is None or not (_is_time(found[1]) and is_id(found[2])):
        raise invalid("before", "must be `next` of a page of this list")
    return f'"{found[1]}"', found[2]


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
