"""users' database as dictionaries: memberships with their prepared transactions, and sessions.

Methods have the names of the functions in users/store. Those that work inside a transaction take
its `MembershipChange`, which holds the chat's lock until it is prepared and finished, or rolled
back.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import psycopg

from common.protocol.users import Person
from users.store.memberships import Facts, InDoubt

IDLE_SECONDS: Final = 1.0  # in a transaction


class _Session(NamedTuple):
    user: str
    is_alive: bool


class MembershipChange:
    """A transaction between `begin` and `prepare`, and as it was prepared."""

    def __init__(self, database: "UsersDatabase") -> None:
        self.database = database
        self.chat: str | None = None
        self.effects: list[Callable[[], None]] = []
        self.transaction = ""
        self.prepared_at = 0.0
        self.touched = database.now()
        self.is_ended = False

    def roll_back(self) -> None:
        """What the end of its connection does, unless it is prepared: then it survives."""
        if not self.transaction:
            self.effects.clear()
            self.release()

    def release(self) -> None:
        if self.chat is not None and self.database.locks.get(self.chat) is self:
            del self.database.locks[self.chat]


class UsersDatabase:
    """`clock` gives Unix time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.people: dict[str, str] = {}  # id: username
        self.memberships: set[tuple[str, str]] = set()
        self.prepared: dict[str, MembershipChange] = {}
        self.locks: dict[str, MembershipChange] = {}
        self.committed: set[str] = set()
        self._sessions: dict[str, _Session] = {}
        self._revocations: list[str] = []

    def add_person(self, id_: str, username: str) -> None:
        self.people[id_] = username

    def add_session(self, id_: str, user: str) -> None:
        self._sessions[id_] = _Session(user, True)

    # ---- memberships

    def list_chats_of(self, user: str) -> list[str]:
        return sorted((chat for one, chat in self.memberships if one == user), reverse=True)

    def is_prepared_or_committed(self, transaction: str) -> bool:
        return transaction in self.prepared or transaction in self.committed

    def now(self) -> float:
        return self._clock()

    def lock_chat(self, change: MembershipChange, chat: str) -> bool:
        """Whether the lock is free now. It is taken from an idle transaction, as by
        idle_in_transaction_session_timeout."""
        self._touch(change)
        holder = self.locks.get(chat)
        if holder is not None and holder is not change and self._is_idle(holder):
            holder.roll_back()
            holder.is_ended = True
        if self.locks.setdefault(chat, change) is not change:
            return False
        change.chat = chat
        return True

    def _is_idle(self, change: MembershipChange) -> bool:
        return not change.transaction and self._clock() - change.touched > IDLE_SECONDS

    def _touch(self, change: MembershipChange) -> None:
        if change.is_ended:
            raise psycopg.OperationalError("the connection was ended while it was idle")
        change.touched = self._clock()

    def read_facts(
        self, *, user: str, session: str, chat: str, add: list[str], limit: int
    ) -> Facts:
        found = self._sessions.get(session)
        return Facts(
            is_asked_for=found is not None and found.is_alive and found.user == user,
            unknown_users=[one for one in add if one not in self.people],
            crowded_users=[],
        )

    def remember_transaction(self, change: MembershipChange, transaction: str) -> None:
        self._touch(change)
        if transaction in self.committed:
            raise psycopg.errors.UniqueViolation
        change.effects.append(lambda: self.committed.add(transaction))

    def delete_chat(self, change: MembershipChange, chat: str) -> None:
        self._touch(change)

        def apply() -> None:
            self.memberships = {pair for pair in self.memberships if pair[1] != chat}

        change.effects.append(apply)

    def delete_memberships(
        self, change: MembershipChange, chat: str, users: list[str], by: str
    ) -> None:
        self._touch(change)
        change.effects.append(
            lambda: self.memberships.difference_update((user, chat) for user in users)
        )

    def insert_memberships(self, change: MembershipChange, chat: str, users: list[str]) -> None:
        self._touch(change)
        change.effects.append(lambda: self.memberships.update((user, chat) for user in users))

    def prepare(self, change: MembershipChange, transaction: str) -> None:
        self._touch(change)
        if transaction in self.prepared:
            raise psycopg.errors.DuplicateObject
        change.transaction, change.prepared_at = transaction, self._clock()
        self.prepared[transaction] = change

    def finish_prepared(self, transaction: str, *, commit: bool) -> None:
        change = self.prepared.pop(transaction, None)
        if change is None:
            return
        if commit:
            for apply in change.effects:
                apply()
        change.release()

    def list_in_doubt(self) -> list[InDoubt]:
        now = self._clock()
        return [InDoubt(one, now - change.prepared_at) for one, change in self.prepared.items()]

    # ---- sessions

    def has_session(self, user: str, session: str) -> bool:
        found = self._sessions.get(session)
        return found is not None and found.user == user

    def revoke_session(self, session: str) -> list[str]:
        found = self._sessions.get(session)
        if found is None or not found.is_alive:
            return []
        self._sessions[session] = found._replace(is_alive=False)
        self._revocations.append(session)
        return [session]

    def revocations_after(self, after: int) -> tuple[list[str], int]:
        return self._revocations[after:], len(self._revocations)

    def mark_held(self, used: dict[str, int]) -> None:
        pass

    # ---- the rest

    def find_person(self, person: str) -> Person | None:
        name = self.people.get(person)
        return None if name is None else Person(id=person, username=name)

    def answers(self) -> bool:
        return True

    def purge_stale_rows(self, rows: int) -> bool:
        return False

    # No account is deleted in a run, and nobody is invited.

    def claim_deletion(self, seconds: float) -> None:
        return None

    def measure_deletions(self) -> tuple[int, float]:
        return 0, 0.0

    def list_old_joins(self, older_than_seconds: float, limit: int, skip: int) -> list[Any]:
        return []

    def read_push_key(self) -> None:
        """Nobody has asked for push."""
        return None
