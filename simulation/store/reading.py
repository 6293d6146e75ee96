"""The reads of chats' database: each method models the function of that name in chats/store."""

from collections.abc import Sequence

from chats.log.encoding import decode_controls
from chats.store.chats import ChatRow, Membership
from chats.store.history import MessagesRead
from chats.store.log import Doubted, EventsRead, LogRow
from chats.store.markers import CLOSE_MICROSECONDS, Move, Moved
from chats.store.own import Counted, Listed, ListWanted, OwnRow, OwnState
from chats.store.stretches import Stretch
from chats.store.views import ViewRow
from common.protocol.chats import JoinWanted, ViewWanted
from common.protocol.companions import CompanionsWanted
from common.protocol.limits import (
    MAX_PARTICIPANTS_SHOWN,
    MAX_SLICE_BYTES,
    MAX_SLICE_EVENTS,
)
from simulation.store.tables import Chat, Entry, OwnMarker, Tables


class Reading(Tables):
    """Each is one snapshot."""

    # ---- chats and participants

    def _row(self, id_: str, chat: Chat) -> ChatRow:
        return ChatRow(
            id_, chat.name, chat.owner, chat.head, chat.version, len(chat.members), chat.topic
        )

    def _chat_of(self, chat: str, member: str) -> Chat | None:
        found = self.chats.get(chat)
        return found if found is not None and member in found.members else None

    def find_chat_of_member(self, chat: str, member: str) -> ChatRow | None:
        found = self._chat_of(chat, member)
        return None if found is None else self._row(chat, found)

    def find_shown_chat(self, chat: str, member: str) -> tuple[ChatRow, list[str]] | None:
        found = self._chat_of(chat, member)
        return None if found is None else (self._row(chat, found), _shown(found))

    def find_shown_chats(
        self, member: str, chats: list[str]
    ) -> dict[str, tuple[ChatRow, list[str]]]:
        return {
            id_: (self._row(id_, chat), _shown(chat))
            for id_ in chats
            if (chat := self._chat_of(id_, member)) is not None
        }

    def list_chats_by_making(self, wanted: Sequence[ListWanted]) -> list[list[Listed]]:
        return [self._list_by_making(one) for one in wanted]

    def _list_by_making(self, wanted: ListWanted) -> list[Listed]:
        mine = sorted(
            (id_ for id_, chat in self.chats.items() if wanted.member in chat.members), reverse=True
        )
        page = [id_ for id_ in mine if id_ < wanted.chat][: wanted.limit]
        return [Listed(id_, self._state(id_, wanted.member)) for id_ in page]

    def find_direct_chat(self, one: str, other: str) -> str | None:
        return self.direct_chats.get(frozenset((one, other)))

    def list_participants(self, chat: str, limit: int) -> list[str]:
        found = self.chats.get(chat)
        return list(found.members)[:limit] if found else []

    def find_participants(self, chat: str, users: list[str]) -> set[str]:
        found = self.chats.get(chat)
        return {one for one in users if found is not None and one in found.members}

    def read_epoch(self) -> str:
        return self.epoch

    def list_memberships(self, users: list[str]) -> tuple[str, list[Membership]]:
        wanted = set(users)
        return self.epoch, [
            Membership(member, id_, chat.head, self._marker(id_, member))
            for id_, chat in self.chats.items()
            for member in chat.members
            if member in wanted
        ]

    def list_companions(self, wanted: list[CompanionsWanted]) -> list[list[str]]:
        return [
            [
                other
                for other in one.others
                if any({one.user, other} <= chat.members.keys() for chat in self.chats.values())
            ]
            for one in wanted
        ]

    # ---- the log

    def list_messages_below(self, wanted: list[Stretch]) -> list[MessagesRead | None]:
        return [self._messages_below(stretch) for stretch in wanted]

    def _messages_below(self, wanted: Stretch) -> MessagesRead | None:
        found = self._chat_of(wanted.chat, wanted.reader)
        if found is None:
            return None
        newest = [
            e.event
            for e in reversed(list(found.log.values()))
            if e.kind == "message" and e.seq < wanted.start
        ]
        shown = b",".join(newest[: wanted.limit])
        return MessagesRead(found.head, shown, len(newest) > wanted.limit)

    def list_events_for(self, wanted: list[Stretch], max_bytes: int) -> list[EventsRead | None]:
        return [self._events_for(stretch, max_bytes) for stretch in wanted]

    def _events_for(self, wanted: Stretch, max_bytes: int) -> EventsRead | None:
        found = self._chat_of(wanted.chat, wanted.reader)
        if found is None:
            return None
        page = self._page(wanted.chat, wanted.start, wanted.limit, max_bytes)
        return EventsRead(found.head, b",".join(e.event for e in page), len(page))

    def list_events(self, chat: str, after: int, limit: int) -> list[Entry]:
        """Without checking the reader: what the product once did (simulation/mutations.py)."""
        return self._page(chat, after, limit, 2**20)

    def _page(self, chat: str, after: int, limit: int, max_bytes: int) -> list[Entry]:
        found = self.chats.get(chat)
        page: list[Entry] = []
        size = 0
        for entry in found.log.values() if found else ():
            if entry.seq <= after:
                continue
            size += len(entry.event)
            if len(page) == limit or (page and size > max_bytes):
                break
            page.append(entry)
        return page

    def read_slices(self, wanted: list[Doubted]) -> list[tuple[int, list[LogRow]]]:
        slices = []
        for id_, after, known in wanted:
            chat = self.chats.get(id_)
            head = chat.head if chat else 0
            page = []
            if head != known:
                page = self._page(id_, after, MAX_SLICE_EVENTS, MAX_SLICE_BYTES)
            slices.append((head, [LogRow(e.seq, e.event, e.controls) for e in page]))
        return slices

    def compare_heads(self, heads: dict[str, int]) -> dict[str, int]:
        real = {id_: chat.head if (chat := self.chats.get(id_)) else 0 for id_ in heads}
        return {id_: head for id_, head in real.items() if head != heads[id_]}

    def find_last_joins(self, wanted: list[JoinWanted]) -> list[int]:
        return [self._last_join(one.chat, one.user) for one in wanted]

    def _last_join(self, id_: str, user: str) -> int:
        chat = self.chats.get(id_)
        for entry in reversed(list(chat.log.values()) if chat else []):
            controls = decode_controls(entry.controls)
            if any(c.action == "join" and user in c.users for c in controls):
                return entry.seq
        return 0

    def _state(self, id_: str, user: str) -> OwnState:
        return OwnState(self.epoch, self.chats[id_].head, self._marker(id_, user), "all", None)

    def count_own(self, wanted: list[tuple[str, str]]) -> list[Counted | None]:
        """Nobody asks for counts in a run, so there are none."""
        states = [
            None if self._chat_of(id_, user) is None else self._state(id_, user)
            for id_, user in wanted
        ]
        return [
            state and Counted(state, OwnRow(state.read, 0, 0, "all", False, None))
            for state in states
        ]

    def _marker(self, id_: str, user: str) -> int:
        joined = self._last_join(id_, user) or 1
        own = self.markers.get((user, id_))
        return own.read if own is not None and own.joined == joined else joined

    def find_marker(self, chat: str, member: str) -> int | None:
        return None if self._chat_of(chat, member) is None else self._marker(chat, member)

    def move_markers(self, moves: Sequence[Move]) -> list[Moved | None]:
        return [self._move_marker(move) for move in moves]

    def _move_marker(self, move: Move) -> Moved | None:
        chat = self._chat_of(move.chat, move.member)
        if chat is None:
            return None
        before = self._marker(move.chat, move.member)
        if move.seq + move.back > chat.head:
            return Moved(before, before, is_above=True)
        if not move.back and move.seq <= before:
            return Moved(before, before)
        joined = self._last_join(move.chat, move.member) or 1
        own = self.markers.get((move.member, move.chat))
        read, turned_back, turned_to, turned_before = move.seq, 0, move.seq, 0
        if own is not None:
            _, _, turned_back, turned_to, turned_before = own
        if move.back:
            read, turned_to, turned_before = min(before, move.seq), move.seq, turned_back
            turned_back = int(self._clock() * 1e6)
        elif own is not None and own.joined == joined and move.asked <= turned_back:
            late = before if move.asked <= turned_before else min(move.seq, turned_to)
            read = max(before, late)
        self.markers[move.member, move.chat] = OwnMarker(
            joined, read, turned_back, turned_to, turned_before
        )
        is_close = move.asked - turned_back < CLOSE_MICROSECONDS
        return Moved(before, read, is_close=is_close)

    def read_views(self, wanted: Sequence[ViewWanted]) -> tuple[str, list[ViewRow | None]]:
        views = [self._view(one) for one in wanted]
        return (self.epoch if any(views) else ""), views

    def _view(self, wanted: ViewWanted) -> ViewRow | None:
        id_, after, amount = wanted.chat, wanted.after, wanted.amount
        chat = self._chat_of(id_, wanted.user)
        if chat is None:
            return None
        messages = [e.event for e in chat.log.values() if e.kind == "message" and e.seq > after]
        newest = [] if after else messages[::-1][:amount]
        shown = _shown(chat) if wanted.details else None
        since = messages[:amount] if after else []
        state = self._state(id_, wanted.user) if wanted.own else None
        return ViewRow(self._row(id_, chat), shown, newest, since, state)


def _shown(chat: Chat) -> list[str]:
    return list(chat.members)[:MAX_PARTICIPANTS_SHOWN]
