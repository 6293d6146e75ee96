"""The participant's part of the two-phase commit: vote on a change of memberships, then finish it.

chats coordinates and owns the outcome. A change that is prepared here survives every crash and is
finished by a call, or else by the resolver.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from common.calls.service import call_seconds
from common.database.pool import Pool
from common.protocol.errors import Refusal, unavailable
from common.protocol.limits import MAX_CHATS_A_USER
from common.protocol.users import Empty, FinishMemberships, PrepareMemberships
from users.roles import unauthenticated
from users.store import memberships as store

# Changes of one chat wait for each other inside PostgreSQL; they must leave connections for the
# calls that finish what they wait for.
PREPARES_AT_ONCE = 8
MAX_WAIT_SECONDS = 1.0
# Of a user's chats. While a user can join at least so many more, changes of different chats need
# not wait for each other: fewer are in progress, and those do not see each other.
PLENTY_OF_ROOM = 100


def judge_change(
    request: PrepareMemberships, facts: store.Facts, full_users: list[str]
) -> Refusal | None:
    """The reason for a no, or None for a yes."""
    if not facts.is_asked_for:
        return unauthenticated()
    if unknown := set(facts.unknown_users):
        return Refusal(
            "unknown_user",
            "Some of these users do not exist.",
            errors=_errors([u for u in request.add if u in unknown], "there is no such user"),
        )
    if full := set(full_users):
        limit = f"is in {MAX_CHATS_A_USER:,} chats already"
        return Refusal(
            "invalid_request",
            "Some of these users cannot be in more chats.",
            errors=_errors([u for u in request.add if u in full], limit),
        )
    return None


def _errors(users: list[str], detail: str) -> list[dict[str, str]]:
    return [{"id": user, "detail": detail} for user in dict.fromkeys(users)]


class Memberships:
    """The calls `prepare` and `finish`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._slots = asyncio.Semaphore(PREPARES_AT_ONCE)

    async def prepare(self, request: PrepareMemberships) -> Empty:
        """Returns once the change is prepared, now or earlier; raises Refusal for a no.

        `unavailable` is no vote: the change may be prepared or not. Nothing is prepared once the
        caller has given up: its rollback may have arrived already, and the chat would stay locked
        until the resolver finds a transaction that nobody waits for.
        """
        deadline = monotonic() + call_seconds.get()
        try:
            async with self._slot():
                await self._prepare(request, deadline)
        except store.PreparedElsewhere:
            # A repeat has waited for its own first try: checking here saves all others the query.
            if not await store.is_prepared_or_committed(self._pool, request.transaction):
                raise unavailable() from None
        return Empty()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise unavailable() from None
        try:
            yield
        finally:
            self._slots.release()

    async def _prepare(self, request: PrepareMemberships, deadline: float) -> None:
        async with store.voting(self._pool) as connection:
            async with connection.pipeline():  # one round trip
                await store.begin(connection)
                await store.lock_chat(connection, request.chat)
                facts = await store.read_facts(
                    connection,
                    user=request.user,
                    session=request.session,
                    chat=request.chat,
                    add=request.add,
                    limit=MAX_CHATS_A_USER - PLENTY_OF_ROOM,
                )
            full_users = []
            if facts.crowded_users:
                full_users = await store.find_full_users(
                    connection, request.chat, facts.crowded_users, MAX_CHATS_A_USER
                )
            if refusal := judge_change(request, facts, full_users):
                raise refusal
            if monotonic() >= deadline:  # waiting for the lock took too long
                raise unavailable()
            async with connection.pipeline():  # and another one
                await store.remember_transaction(connection, request.transaction)
                if request.remove_all:
                    await store.delete_chat(connection, request.chat)
                if request.remove:
                    await store.delete_memberships(
                        connection, request.chat, request.remove, request.user
                    )
                if request.add:
                    await store.insert_memberships(connection, request.chat, request.add)
                await store.prepare(connection, request.transaction)

    async def finish(self, request: FinishMemberships) -> Empty:
        """Raises DatabaseUnavailable: DatabaseBusy while another call is finishing it."""
        await store.finish_prepared(self._pool, request.transaction, commit=request.commit)
        return Empty()
