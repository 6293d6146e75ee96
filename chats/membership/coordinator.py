"""Changes that chats and users make together: the I/O around chats/membership/commitment.py.

Changes that chats makes alone (a rename) come here too, for the same keys, versions and events. No
lock of the database is held while users is called.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from time import monotonic
from typing import NamedTuple
from weakref import WeakValueDictionary

from chats.log.announce import Announcement, Announcer
from chats.log.encoding import stamp, stamp_controls
from chats.membership.commitment import (
    MAX_ATTEMPTS,
    MAX_COMMIT_AGE_SECONDS,
    Next,
    Step,
    Stored,
    Vote,
    after_asking,
    after_store,
    after_vote,
)
from chats.metrics import CHANGE_SECONDS, CHANGES
from chats.store.changes import (
    Change,
    Committed,
    NotCommitted,
    ResultKey,
    begin_attempt,
    commit_change,
    keep_result,
)
from chats.store.decisions import decide, forget_commits, list_old_commits
from common.calls.calls import Calls
from common.calls.service import call_seconds
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.process.logs import log
from common.protocol.errors import Refusal, unavailable
from common.protocol.ids import new_id
from common.protocol.users import Empty, FinishMemberships, PrepareMemberships

PREPARE_SECONDS = 4.0
FINISH_SECONDS = 5.0
DRAIN_SECONDS = 6.0
LEFT_OVER_SECONDS = 10.0
FORGET_SECONDS = 1.0  # keeping it longer costs a little space and nothing else
LEFT_OVER_LIMIT = 50


class Memberships(NamedTuple):
    """users' part of a change."""

    session: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    remove_all: bool = False


class Plan(NamedTuple):
    """The outcome of checking a request: a change (None: nothing to do), users' part of it (None:
    chats alone), and the result's JSON for the caller and all repeats."""

    result: bytes
    change: Change | None = None
    memberships: Memberships | None = None


class Coordinator:
    """Runs changes of chats; those of one chat one after the other, within this replica.

    A change has the time of the call that asks for it (`call_seconds`): none begins, and none is
    committed, once its caller has given up.
    """

    def __init__(self, pool: Pool, users: Calls, announcer: Announcer) -> None:
        self._pool = pool
        self._users = users
        self._announcer = announcer
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._finishing: set[asyncio.Task[bool]] = set()
        self._acknowledged: list[str] = []
        self._passed_over = 0  # the oldest commits, which users did not finish

    async def change(
        self, key: ResultKey, make_plan: Callable[[], Awaitable[Plan]], turn: str
    ) -> bytes:
        """The first result of this key. `make_plan` checks, raises the Refusals of the request, and
        is called again if the chat has changed meanwhile. `turn` names what only one change at a
        time may concern: the chat, the pair of a direct one, or a new one's key.

        Raises Refusal: make_plan's, users' no, or `unavailable` if the outcome is unknown, the chat
        changes too fast or the caller's time is over. Raises DatabaseUnavailable before anything
        was tried.
        """
        deadline = monotonic() + call_seconds.get()
        with CHANGE_SECONDS.time():
            async with self._turn(turn, deadline):
                for _ in range(MAX_ATTEMPTS):
                    began, known = await begin_attempt(self._pool, key)
                    if known is not None:
                        return known
                    left = deadline - monotonic()
                    if left <= 0:
                        break
                    # If there is nothing left to change, another replica may have changed it for
                    # the same key since the look above.
                    try:
                        plan = await make_plan()
                        if plan.change and await self._try(key, plan, plan.change, began, left):
                            return plan.result
                    except Refusal as refusal:
                        if refusal.code == "unavailable":
                            raise
                        _, first = await begin_attempt(self._pool, key)
                        if first is None:
                            raise
                        return first
                    if plan.change is None:
                        await keep_result(self._pool, key, plan.result)
                        _, first = await begin_attempt(self._pool, key)
                        return plan.result if first is None else first
        log("change given up: no time left, or others are too fast", turn=turn)
        raise unavailable()

    @asynccontextmanager
    async def _turn(self, turn: str, deadline: float) -> AsyncIterator[None]:
        # Only saves attempts that must fail; versions and keys decide what is right.
        lock = self._turns.setdefault(turn, asyncio.Lock())
        try:
            async with asyncio.timeout(deadline - monotonic()):
                await lock.acquire()
        except TimeoutError:
            raise unavailable() from None
        try:
            yield
        finally:
            lock.release()

    async def _try(
        self, key: ResultKey, plan: Plan, change: Change, began: datetime, seconds: float
    ) -> bool:
        """Whether it is committed, no later than `seconds` after `began`; False: try again."""
        transaction = None
        if plan.memberships is not None:
            transaction = await self._prepare(change, plan.memberships, seconds)
        stored, committed = await self._store(key, plan.result, change, transaction, began, seconds)
        after = after_store(stored)
        if after.step is Step.ASK:
            after = after_asking(await self._ask(transaction, key))
        if committed is not None:
            self._announce(change, committed)
        if transaction is not None:
            self._finish(transaction, change.chat, after)
        CHANGES.labels(after.step.name.lower()).inc()
        if after.step is Step.GIVE_UP:
            raise unavailable()
        return after.step is Step.ANSWER

    async def _prepare(self, change: Change, part: Memberships, seconds: float) -> str:
        """The transaction that users has voted for. Raises Refusal: its no, or `unavailable` if its
        vote is unknown; then there is nothing to store."""
        transaction = new_id()
        request = PrepareMemberships(
            transaction=transaction,
            user=change.by,
            session=part.session,
            chat=change.chat,
            add=list(part.add),
            remove=list(part.remove),
            remove_all=part.remove_all,
        )
        try:
            await self._users.call(
                "prepare", request, Empty, key=change.chat, timeout=min(PREPARE_SECONDS, seconds)
            )
        except Refusal as refusal:
            after = after_vote(Vote.UNKNOWN if refusal.code == "unavailable" else Vote.NO)
            CHANGES.labels(after.step.name.lower()).inc()
            self._finish(transaction, change.chat, after)
            raise
        return transaction

    async def _store(
        self,
        key: ResultKey,
        result: bytes,
        change: Change,
        transaction: str | None,
        began: datetime,
        seconds: float,
    ) -> tuple[Stored, Committed | None]:
        try:
            committed = await commit_change(
                self._pool,
                change,
                key,
                result,
                transaction=transaction,
                began=began,
                max_age_seconds=min(MAX_COMMIT_AGE_SECONDS, seconds),
            )
        except NotCommitted as reason:
            log("change not committed", reason=type(reason).__name__, chat=change.chat)
            return Stored.REFUSED, None
        except DatabaseUnavailable as error:
            log("commit not answered", error=type(error).__name__, chat=change.chat)
            return Stored.UNKNOWN, None
        return Stored.DONE, committed

    async def _ask(self, transaction: str | None, key: ResultKey) -> bool | None:
        try:
            if transaction is not None:
                return await decide(self._pool, transaction)
            return (await begin_attempt(self._pool, key)).known is not None
        except DatabaseUnavailable as error:
            log("decision unknown", error=type(error).__name__)
            return None

    def _announce(self, change: Change, committed: Committed) -> None:
        seq, at, outbox_id = committed
        self._announcer.announce(
            Announcement(
                change.chat,
                seq,
                [stamp(change.draft, seq, at)],
                stamp_controls(change.controls, seq, at),
                outbox_id,
                follow=[],
            )
        )

    def _finish(self, transaction: str, chat: str, after: Next) -> None:
        if after.finish is None:
            return
        task = asyncio.create_task(self._tell(transaction, chat, after.finish))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _tell(self, transaction: str, key: str, commit: bool) -> bool:
        """Whether users has finished it."""
        request = FinishMemberships(transaction=transaction, commit=commit)
        try:
            await self._users.call("finish", request, Empty, key=key, timeout=FINISH_SECONDS)
        except Refusal as refusal:
            log("finish left to users' resolver", code=refusal.code, transaction=transaction)
            return False
        if commit:
            self._acknowledged.append(transaction)
        return True

    async def forget_acknowledged(self) -> None:
        """Drops the decisions of commits that users has acknowledged."""
        done, self._acknowledged = self._acknowledged, []
        if done:
            await forget_commits(self._pool, done)

    async def finish_left_over(self) -> None:
        """Tells users again of commits whose coordinator died before users had acknowledged. Those
        that it does not finish come after all others next time."""
        left = await list_old_commits(
            self._pool,
            older_than_seconds=LEFT_OVER_SECONDS,
            limit=LEFT_OVER_LIMIT,
            skip=self._passed_over,
        )
        told = [await self._tell(one, one, commit=True) for one in left]
        self._passed_over += told.count(False)
        if len(left) < LEFT_OVER_LIMIT:
            self._passed_over = 0

    async def drain(self) -> None:
        """Waits a while until users has been told of decisions; its resolver asks for the rest."""
        if self._finishing:
            await asyncio.wait(self._finishing, timeout=DRAIN_SECONDS)
