"""The simulation's model of users' database answers like PostgreSQL."""

import random
import time
from collections.abc import Callable
from typing import Any

import psycopg

from common.database.pool import Pool, begin, create_pool
from common.protocol.ids import new_id
from simulation.store.users import MembershipChange, UsersDatabase
from users.store import memberships, people, sessions
from users.store.memberships import PreparedElsewhere

OPERATIONS = 80


class Both:
    """PostgreSQL and the model, given the same requests."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool = pool
        self.model = UsersDatabase(time.time)
        self.random = random.Random(seed)
        self.people: list[str] = []
        self.sessions: list[str] = []
        self.chats = [new_id() for _ in range(3)]
        self.transactions: list[str] = []

    async def add_person(self) -> None:
        user, name, session = new_id(), f"user{len(self.people)}", new_id()
        async with begin(self.pool) as connection:
            await connection.execute(
                "INSERT INTO users (id, username, email) VALUES (%s, %s, %s)",
                (user, name, f"{name}@example.org"),
            )
            await connection.execute(
                "INSERT INTO sessions (id, user_id, expires_at)"
                " VALUES (%s, %s, now() + interval '1 hour')",
                (session, user),
            )
        self.model.add_person(user, name)
        self.people.append(user)
        self.model.add_session(session, user)
        self.sessions.append(session)

    def some(self) -> list[str]:
        known = self.random.sample(self.people, self.random.randint(0, len(self.people)))
        return [*known, new_id()] if self.random.random() < 0.1 else known

    async def prepare(self) -> None:
        """A change of a chat that does not block: if one is prepared already, it has the lock."""
        fresh = new_id() if self.random.random() < 0.8 or not self.transactions else ""
        transaction = fresh or self.random.choice(self.transactions)
        chat = self.random.choice(self.chats)
        if chat in self.model.locks:
            return
        add, remove = self.some(), self.some()
        everybody = self.random.random() < 0.2
        session, user = self.random.choice(self.sessions), self.random.choice(self.people)
        asked = {"user": user, "session": session, "chat": chat, "add": add, "limit": 100}
        real = await self._prepare_in_postgresql(transaction, chat, add, remove, everybody, asked)
        modelled = self._prepare_in_model(transaction, chat, add, remove, everybody, asked)
        assert real == modelled
        self.transactions.append(transaction)

    async def _prepare_in_postgresql(
        self,
        transaction: str,
        chat: str,
        add: list[str],
        remove: list[str],
        everybody: bool,
        asked: dict[str, Any],
    ) -> Any:
        try:
            async with memberships.voting(self.pool) as connection:
                await memberships.begin(connection)
                await memberships.lock_chat(connection, chat)
                facts = await memberships.read_facts(connection, **asked)
                await memberships.remember_transaction(connection, transaction)
                if everybody:
                    await memberships.delete_chat(connection, chat)
                await memberships.delete_memberships(connection, chat, remove, asked["user"])
                await memberships.insert_memberships(connection, chat, add)
                await memberships.prepare(connection, transaction)
        except PreparedElsewhere:
            return "elsewhere"
        return facts._replace(unknown_users=sorted(facts.unknown_users))

    def _prepare_in_model(
        self,
        transaction: str,
        chat: str,
        add: list[str],
        remove: list[str],
        everybody: bool,
        asked: dict[str, Any],
    ) -> Any:
        change = MembershipChange(self.model)
        if transaction in self.model.prepared:
            return "elsewhere"  # the row of the other one is locked until it is finished
        assert self.model.lock_chat(change, chat)
        facts = self.model.read_facts(**asked)
        try:
            self.model.remember_transaction(change, transaction)
        except psycopg.errors.UniqueViolation:
            change.roll_back()
            return "elsewhere"
        if everybody:
            self.model.delete_chat(change, chat)
        self.model.delete_memberships(change, chat, remove, asked["user"])
        self.model.insert_memberships(change, chat, add)
        self.model.prepare(change, transaction)
        return facts._replace(unknown_users=sorted(facts.unknown_users))

    async def finish(self) -> None:
        """Including one that is finished, or was never prepared."""
        transaction = self.random.choice([*self.transactions, new_id()])
        commit = self.random.random() < 0.6
        await memberships.finish_prepared(self.pool, transaction, commit=commit)
        self.model.finish_prepared(transaction, commit=commit)

    async def revoke(self) -> None:
        """Revokes a session, perhaps again."""
        if self.random.random() < 0.7:
            return
        session = self.random.choice(self.sessions)
        async with begin(self.pool) as connection:
            real = await sessions.revoke_session(connection, session)
        assert real == self.model.revoke_session(session)

    async def read(self) -> None:
        user, session = self.random.choice(self.people), self.random.choice(self.sessions)
        real = await memberships.list_chats_of(self.pool, user)
        assert real == self.model.list_chats_of(user)
        in_doubt = await memberships.list_in_doubt(self.pool)
        modelled = self.model.list_in_doubt()
        assert [row.transaction for row in in_doubt] == [row.transaction for row in modelled]
        for transaction in [*self.transactions[-5:], new_id()]:
            known = await memberships.is_prepared_or_committed(self.pool, transaction)
            assert known == self.model.is_prepared_or_committed(transaction)
        after = self.random.randint(0, 3)
        revoked = await sessions.revocations_after(self.pool, after)
        assert tuple(revoked) == self.model.revocations_after(after)
        async with begin(self.pool) as connection:
            has = await sessions.has_session(connection, user, session)
        assert has == self.model.has_session(user, session)
        assert await people.find_person(self.pool, user) == self.model.find_person(user)


async def test_model_answers_as_postgresql_does(make_database: Callable[[str], str]) -> None:
    """Votes, what is prepared and how it ends, and the sessions of each user."""
    url = make_database("users")
    pool = create_pool(url, size=2)
    await pool.open()
    both = Both(pool, 1)
    try:
        for _ in range(4):
            await both.add_person()
        for _ in range(OPERATIONS):
            await both.random.choice([both.prepare, both.finish, both.finish, both.revoke])()
            await both.read()
    finally:
        await pool.close()
