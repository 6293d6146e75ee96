"""chats' database as dictionaries: each method is the function of that name in chats/store."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from chats.encoding import stamp
from chats.store.changes import (
    Aborted,
    Attempt,
    Change,
    Committed,
    Moved,
    Repeated,
    ResultKey,
    TooOld,
)
from chats.store.chats import ChatRow
from chats.store.log import LogRow, Page
from chats.store.looks import LookRow
from chats.store.messages import NewMessage, Posted
from chats.store.outbox import MAX_COUNTED, OutboxRow, OutboxSize
from common.protocol.limits import (
    MAX_PARTICIPANTS_SHOWN,
    MAX_SLICE_BYTES,
    MAX_SLICE_EVENTS,
)


class Entry(NamedTuple):
    """A row of the log."""

    seq: int
    kind: str
    sender: str
    key: str | None
    event: bytes
    controls: str | None


class _Unpublished(NamedTuple):
    """A row of the outbox."""

    id: int
    chat: str
    first: int
    last: int
    since: float
    claimed_at: float | None


class _Chat:
    def __init__(self, name: str, owner: str) -> None:
        self.name = name
        self.owner = owner
        self.version = 0
        self.members: dict[str, None] = {}  # in the order of their positions
        self.head = 0
        self.log: dict[int, Entry] = {}
        self.deleted_at: float | None = None
        self.purged = False


class ChatsDatabase:
    """`clock` gives Unix time. `told` hears of every row of the log when it is committed."""

    def __init__(
        self,
        clock: Callable[[], float],
        epoch: str,
        told: Callable[[str, Entry], None] = lambda _chat, _entry: None,
    ) -> None:
        self._clock = clock
        self._told = told
        self.epoch = epoch
        self.chats: dict[str, _Chat] = {}
        self.outbox: dict[int, _Unpublished] = {}
        self.decisions: dict[str, tuple[bool, float]] = {}
        self._keys: dict[tuple[str, str, str], Entry] = {}
        self._results: dict[ResultKey, tuple[bytes, float]] = {}
        self._canaries: dict[str, tuple[int, float]] = {}
        self._last_row = 0

    def participants(self) -> dict[str, set[str]]:
        """Of every chat that is not deleted."""
        return {id_: set(c.members) for id_, c in self.chats.items() if c.deleted_at is None}

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

    def _append(self, id_: str, chat: _Chat, entry: Entry) -> None:
        chat.log[entry.seq] = entry
        chat.head = entry.seq
        if entry.key is not None:
            self._keys[entry.sender, entry.key, id_] = entry
        self._told(id_, entry)

    def _add_row(self, chat: str, first: int, last: int) -> int:
        self._last_row += 1
        id_ = self._last_row
        self.outbox[id_] = _Unpublished(id_, chat, first, last, self._clock(), None)
        return id_

    # ---- messages

    def post_messages(self, batch: list[NewMessage]) -> tuple[list[Posted | None], dict[str, int]]:
        at = self._now()
        posted: list[Posted | None] = []
        ranges: dict[str, tuple[int, int]] = {}
        for message in batch:
            chat = self.chats.get(message.chat)
            if chat is None or message.sender not in chat.members:
                posted.append(None)
                continue
            known = self._keys.get((message.sender, message.key, message.chat))
            if known is not None:
                posted.append(Posted(at, 0, known.event))
                continue
            seq = chat.head + 1
            event = stamp(message.draft, seq, at)
            entry = Entry(seq, "message", message.sender, message.key, event, None)
            self._append(message.chat, chat, entry)
            first, _ = ranges.get(message.chat, (seq, seq))
            ranges[message.chat] = first, seq
            posted.append(Posted(at, seq, None))
        owed = {chat: self._add_row(chat, *ranges[chat]) for chat in sorted(ranges)}
        return posted, owed

    # ---- changes

    def begin_attempt(self, key: ResultKey) -> Attempt:
        result = self._results.get(key)
        began = datetime.fromtimestamp(self._clock(), UTC)
        return Attempt(began, None if result is None else result[0])

    def keep_result(self, key: ResultKey, result: bytes) -> None:
        self._results.setdefault(key, (result, self._clock()))

    def commit_change(
        self,
        change: Change,
        key: ResultKey,
        result: bytes,
        *,
        transaction: str | None,
        began: datetime,
        max_age_seconds: float,
    ) -> Committed:
        chat = self.chats.get(change.chat)
        if change.version and (
            chat is None or chat.version != change.version or chat.deleted_at is not None
        ):
            raise Moved
        if self._clock() > began.timestamp() + max_age_seconds:
            raise TooOld
        if transaction is not None and transaction in self.decisions:
            raise Aborted
        own_key = ResultKey(change.by, key.scope, key.key)
        if own_key in self._results:
            raise Repeated
        if chat is None:
            chat = self.chats[change.chat] = _Chat(change.name, change.owner)
        if transaction is not None:
            self.decisions[transaction] = True, self._clock()
        self._results[own_key] = result, self._clock()
        for member in list(chat.members) if change.end else change.leave:
            chat.members.pop(member, None)
        chat.members.update(dict.fromkeys(change.join))
        at = self._now()
        chat.version += 1
        chat.name, chat.owner = change.name, change.owner
        chat.deleted_at = self._clock() if change.end else None
        seq = chat.head + 1
        entry = Entry(
            seq, change.kind, change.by, None, stamp(change.draft, seq, at),
            _stamp_controls(change.controls, seq, at),
        )  # fmt: skip
        self._append(change.chat, chat, entry)
        return Committed(seq, at, self._add_row(change.chat, seq, seq))

    # ---- decisions

    def decide(self, transaction: str) -> bool:
        return self.decisions.setdefault(transaction, (False, self._clock()))[0]

    def forget_commits(self, transactions: list[str]) -> None:
        for transaction in transactions:
            if self.decisions.get(transaction, (False, 0))[0]:
                del self.decisions[transaction]

    def list_old_commits(self, *, older_than_seconds: float, limit: int) -> list[str]:
        before = self._clock() - older_than_seconds
        old = [
            (at, one)
            for one, (committed, at) in self.decisions.items()
            if committed and at < before
        ]
        return [one for _, one in sorted(old)[:limit]]

    # ---- chats and participants

    def _row(self, id_: str, chat: _Chat) -> ChatRow:
        return ChatRow(id_, chat.name, chat.owner, chat.head, chat.version, len(chat.members))

    def _chat_of(self, chat: str, member: str) -> _Chat | None:
        found = self.chats.get(chat)
        return found if found is not None and member in found.members else None

    def find_chat_of_member(self, chat: str, member: str) -> ChatRow | None:
        found = self._chat_of(chat, member)
        return None if found is None else self._row(chat, found)

    def find_shown_chat(self, chat: str, member: str) -> tuple[ChatRow, list[str]] | None:
        found = self._chat_of(chat, member)
        return None if found is None else (self._row(chat, found), _shown(found))

    def list_chats_of_member(
        self, member: str, before: str | None, limit: int
    ) -> list[tuple[ChatRow, list[str]]]:
        mine = sorted(
            (id_ for id_, chat in self.chats.items() if member in chat.members), reverse=True
        )
        page = [id_ for id_ in mine if before is None or id_ < before][:limit]
        return [(self._row(id_, self.chats[id_]), _shown(self.chats[id_])) for id_ in page]

    def list_participants(self, chat: str, limit: int) -> list[str]:
        found = self.chats.get(chat)
        return list(found.members)[:limit] if found else []

    def find_participants(self, chat: str, people: list[str]) -> set[str]:
        found = self.chats.get(chat)
        return {one for one in people if found is not None and one in found.members}

    def read_epoch(self) -> str:
        return self.epoch

    def list_memberships(self, people: list[str]) -> tuple[str, list[tuple[str, str, int]]]:
        wanted = set(people)
        return self.epoch, [
            (member, id_, chat.head)
            for id_, chat in self.chats.items()
            for member in chat.members
            if member in wanted
        ]

    # ---- the log

    def list_messages_for(
        self, member: str, chat: str, before: int | None, limit: int
    ) -> Page | None:
        found = self._chat_of(chat, member)
        if found is None:
            return None
        newest = [
            e.event
            for e in reversed(list(found.log.values()))
            if e.kind == "message" and (before is None or e.seq < before)
        ]
        return Page(found.head, newest[:limit])

    def list_events_for(
        self, member: str, chat: str, after: int, limit: int, max_bytes: int
    ) -> Page | None:
        found = self._chat_of(chat, member)
        if found is None:
            return None
        return Page(found.head, [e.event for e in self._page(chat, after, limit, max_bytes)])

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

    def read_slices(self, wanted: list[tuple[str, int, int]]) -> list[tuple[int, list[LogRow]]]:
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

    def read_looks(
        self, wanted: list[tuple[str, str, bool, int, int]]
    ) -> tuple[str, list[LookRow | None]]:
        looks: list[LookRow | None] = []
        for id_, reader, details, after, amount in wanted:
            chat = self._chat_of(id_, reader)
            if chat is None:
                looks.append(None)
                continue
            newest = [
                e.event
                for e in reversed(list(chat.log.values()))
                if e.kind == "message" and e.seq > after
            ]
            shown = _shown(chat) if details else None
            looks.append(LookRow(self._row(id_, chat), shown, newest[:amount]))
        return (self.epoch if any(looks) else ""), looks

    # ---- the outbox

    def claim_rows(self, *, above: int, older_than_ms: int, limit: int) -> list[OutboxRow]:
        before = self._clock() - older_than_ms / 1000
        due = [
            row
            for row in self.outbox.values()
            if row.id > above and row.since < before and (row.claimed_at or 0) < before
        ][:limit]
        for row in due:
            self.outbox[row.id] = row._replace(claimed_at=self._clock())
        return [OutboxRow(row.id, row.chat, row.first, row.last) for row in due]

    def read_claimed_events(
        self, ranges: list[tuple[str, int, int]], newest: int
    ) -> list[list[LogRow]]:
        found = []
        for id_, first, last in ranges:
            chat = self.chats.get(id_)
            entries = [e for e in chat.log.values() if first <= e.seq <= last] if chat else []
            found.append([LogRow(e.seq, e.event, e.controls) for e in entries[-newest:]])
        return found

    def mark_published(self, ids: list[int]) -> None:
        for id_ in ids:
            self.outbox.pop(id_, None)

    def find_newest_id(self) -> int:
        return max(self._last_row, 1)

    def is_empty_between(self, above: int, upto: int) -> bool:
        return not any(above < id_ <= upto for id_ in self.outbox)

    def list_unpublished(self, newest: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
        floor = self.find_newest_id() - newest
        heads: dict[str, int] = {}
        changed: list[tuple[str, str]] = []
        for row in self.outbox.values():
            if row.id <= floor:
                continue
            heads[row.chat] = max(heads.get(row.chat, 0), row.last)
            chat = self.chats.get(row.chat)
            for entry in chat.log.values() if chat else ():
                if row.first <= entry.seq <= row.last and entry.controls is not None:
                    changed.append((row.chat, entry.controls))
        return heads, changed

    def measure(self, *, above: int) -> OutboxSize:
        rows = [row for row in self.outbox.values() if row.id > above]
        if not rows:
            return OutboxSize(0, 0.0)
        count = len(rows) if len(rows) < MAX_COUNTED else self._last_row - rows[0].id + 1
        return OutboxSize(count, self._clock() - rows[0].since)

    # ---- canaries and cleanup

    def store_song(self, canary: str, number: int) -> int:
        self._canaries[canary] = number, self._clock()
        return self._add_row(canary, number, number)

    def forget_silent_canaries(self, *, older_than_seconds: float) -> None:
        before = self._clock() - older_than_seconds
        self._canaries = {id_: row for id_, row in self._canaries.items() if row[1] >= before}

    def drop_old_aborts(self, seconds: float) -> None:
        before = self._clock() - seconds
        self.decisions = {
            one: row for one, row in self.decisions.items() if row[0] or row[1] >= before
        }

    def drop_old_results(self, seconds: float, limit: int) -> None:
        before = self._clock() - seconds
        old = [key for key, (_, at) in self._results.items() if at < before][:limit]
        for key in old:
            del self._results[key]

    def purge_deleted_chat(self, *, older_than_seconds: float, rows: int) -> bool:
        before = self._clock() - older_than_seconds
        for chat in self.chats.values():
            if chat.deleted_at is None or chat.deleted_at >= before or chat.purged:
                continue
            doomed = [seq for seq in chat.log if seq < chat.head][:rows]
            for seq in doomed:
                del chat.log[seq]
            chat.purged = len(doomed) < rows
            return True
        return False


def _shown(chat: _Chat) -> list[str]:
    return list(chat.members)[:MAX_PARTICIPANTS_SHOWN]


def _stamp_controls(controls: str | None, seq: int, at: str) -> str | None:
    """change_chat's two replacements."""
    if controls is None:
        return None
    dated = controls.replace('"seq":0,"at":""', f'"seq":{seq},"at":"{at}"')
    return dated.replace('{"seq":0,', f'{{"seq":{seq},')


def decode_event(event: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(event)
    return found
