"""The lists of users' chats. One statement reads all requests that arrived during the last one."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from chats.membership.chats import show_chat
from chats.own.read_cache import ReadCache, ShownChat, ShownChats
from chats.own.state import MAX_TRIES, show_last, show_mine
from chats.store.chats import find_shown_chats
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
        chats = await self._show(request.user, page)
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

    async def _show(self, user: str, listed: Sequence[Listed]) -> list[bytes]:
        """Encoded; chats that the user has left meanwhile are omitted."""
        held = self._cache.find_list(user)
        before = held.shown
        changed = {
            chat: state
            for chat, state, _ in listed
            if (known := before.get(chat)) is None or known.state != state
        }
        self._cache.count_listed(len(listed) - len(changed))
        if not changed:
            return [before[chat].text for chat, _, _ in listed]
        whole, behind = await self._show_changed(user, changed)
        if whole:
            self._cache.keep_list(user, held, whole)
        shown = whole | behind
        return [
            (shown if chat in changed else before)[chat].text
            for chat, _, _ in listed
            if chat in shown or chat not in changed
        ]

    async def _show_changed(
        self, user: str, states: Mapping[str, OwnState]
    ) -> tuple[ShownChats, ShownChats]:
        """As `_read`. What is behind in the end changes faster than it is read."""
        versions: dict[str, int] = {}
        whole, behind = await self._read(user, states, versions)
        for _ in range(MAX_TRIES - 1):
            if not behind:
                break
            states = {chat: one.state for chat, one in behind.items()}
            more, behind = await self._read(user, states, versions)
            whole |= more
        return whole, behind

    async def _read(
        self, user: str, states: Mapping[str, OwnState], versions: dict[str, int]
    ) -> tuple[ShownChats, ShownChats]:
        """Those of them that the user is in, each in that state or a later one; and those whose
        chat is in this state and the user's own state of an earlier one, since there was an event
        between the two reads. `versions` are those of the chats that the previous call read, and
        then of those that this one read."""
        pairs = [(chat, user) for chat in states]
        counted = await self._cache.fill_own(self._pool, pairs, list(states.values()))
        own = {chat: one for chat, one in zip(states, counted, strict=True) if one is not None}
        cached = self._cache.find_chats({chat: one.state for chat, one in own.items()})
        found = {}
        if len(cached) < len(own):
            missing = [chat for chat in own if chat not in cached]
            found = await find_shown_chats(self._pool, user, missing)
        whole: ShownChats = {}
        behind: ShownChats = {}
        for chat, (state, row) in own.items():
            mine = _encode(show_mine(row))
            if (text := cached.get(chat)) is not None:
                whole[chat] = ShownChat(state, b'%b,"mine":%b}' % (text, mine))
            elif chat in found:
                now, participants = found[chat]
                if versions.get(chat) == now.version:
                    # Only messages have been added in between: it was the same at the count.
                    now = now._replace(seq=state.head)
                versions[chat] = now.version
                current = msgspec.structs.replace(show_chat(now, participants), last=show_last(row))
                text = _encode(current)[:-1]  # without its end
                shown = b'%b,"mine":%b}' % (text, mine)
                if current.seq == state.head:
                    self._cache.keep_chat(chat, state, text)
                    whole[chat] = ShownChat(state, shown)
                else:
                    behind[chat] = ShownChat(state._replace(head=current.seq), shown)
        return whole, behind


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
