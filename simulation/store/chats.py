"""chats' database: each method models the function of that name in chats/store, without waiting."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from chats.log.encoding import stamp
from chats.store.changes import (
    Aborted,
    Attempt,
    Change,
    Committed,
    Moved,
    PairTaken,
    Repeated,
    ResultKey,
    TooOld,
)
from chats.store.messages import NOT_FOUND, NewEvent, NewMessage, Outcome
from chats.store.search_feed import Fed
from simulation.store.outbox import Outbox
from simulation.store.reading import Reading
from simulation.store.tables import Chat, Entry


class ChatsDatabase(Reading, Outbox):
    """The functions that change it."""

    # ---- messages

    def list_free_chats(self, chats: Collection[str]) -> set[str]:
        return set(chats)

    def append_events(self, batch: Sequence[NewEvent]) -> tuple[list[Outcome], dict[str, int]]:
        at = self._now()
        outcomes: list[Outcome] = []
        ranges: dict[str, tuple[int, int]] = {}
        for message in batch:
            assert isinstance(message, NewMessage)  # no run changes messages yet
            chat = self.chats.get(message.chat)
            if chat is None or message.sender not in chat.members:
                outcomes.append(NOT_FOUND)
                continue
            known = self._keys.get((message.sender, message.key, message.chat))
            if known is not None:
                outcomes.append(Outcome("known", event=known.event))
                continue
            if chat.closed:
                outcomes.append(Outcome("closed"))
                continue
            seq = chat.head + 1
            event = stamp(message.draft, seq, at)
            entry = Entry(seq, "message", message.sender, message.key, event, None)
            self._append(message.chat, chat, entry)
            first, _ = ranges.get(message.chat, (seq, seq))
            ranges[message.chat] = first, seq
            outcomes.append(Outcome("appended", seq, at))
        outbox = {chat: self._add_row(chat, *ranges[chat]) for chat in sorted(ranges)}
        return outcomes, outbox

    # ---- search: not simulated

    def feed(self, chats: list[str], rows: int, forget_rows: int) -> Fed:
        return Fed(set(chats), [], 0)

    def list_chats_behind(self, after: str, limit: int) -> tuple[list[str], None]:
        return [], None

    def has_index_of_words(self) -> bool:
        return True

    # ---- push: no run has a subscribed browser

    def has_push_readers(self) -> bool:
        return False

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
            if change.owner is None:
                pair = frozenset(change.joining)
                if pair in self.direct_chats:
                    raise PairTaken
                self.direct_chats[pair] = change.chat
            chat = self.chats[change.chat] = Chat(change.name, change.owner)
        if transaction is not None:
            self.decisions[transaction] = True, self._clock()
        self._results[own_key] = result, self._clock()
        for member in list(chat.members) if change.is_end else change.leaving:
            chat.members.pop(member, None)
        chat.members.update(dict.fromkeys(change.joining))
        at = self._now()
        chat.version += 1
        chat.name, chat.owner, chat.topic = change.name, change.owner, change.topic
        chat.deleted_at = self._clock() if change.is_end else None
        seq = chat.head + 1
        entry = Entry(
            seq, change.kind, change.by, None, stamp(change.draft, seq, at),
            _stamp_controls(change.controls, seq, at),
        )  # fmt: skip
        self._append(change.chat, chat, entry)
        return Committed(seq, at, self._add_row(change.chat, seq, seq))

    def close_direct_chats(self, member: str) -> list[str]:
        theirs = [
            (id_, chat)
            for id_, chat in self.chats.items()
            if chat.owner is None and member in chat.members
        ]
        for _, chat in theirs:
            chat.closed = True
        return [id_ for id_, _ in theirs]

    # ---- decisions

    def decide(self, transaction: str) -> bool:
        return self.decisions.setdefault(transaction, (False, self._clock()))[0]

    def forget_commits(self, transactions: list[str]) -> None:
        for transaction in transactions:
            if self.decisions.get(transaction, (False, 0))[0]:
                del self.decisions[transaction]

    def list_old_commits(self, *, older_than_seconds: float, limit: int, skip: int) -> list[str]:
        before = self._clock() - older_than_seconds
        old = [
            (at, one)
            for one, (committed, at) in self.decisions.items()
            if committed and at < before
        ]
        return [one for _, one in sorted(old)[skip : skip + limit]]

    # ---- canaries and cleanup

    def store_canary_message(self, canary: str, number: int) -> int:
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


def _stamp_controls(controls: str | None, seq: int, at: str) -> str | None:
    """change_chat's two replacements."""
    if controls is None:
        return None
    dated = controls.replace('"seq":0,"at":""', f'"seq":{seq},"at":"{at}"')
    return dated.replace('{"seq":0,', f'{{"seq":{seq},')
