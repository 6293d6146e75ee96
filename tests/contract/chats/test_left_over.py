"""Commits that users has not acknowledged."""

from typing import Any, cast

import psycopg

from chats.log.announce import Announcer
from chats.membership.coordinator import LEFT_OVER_LIMIT, Coordinator
from chats.store.query import PLAN_OPTIONS, fetch
from common.calls.calls import Calls
from common.database.pool import create_pool
from common.protocol.errors import unavailable
from common.protocol.ids import new_id
from common.protocol.users import Empty, FinishMemberships


class Users:
    """Finishes one transaction only."""

    def __init__(self, transaction: str) -> None:
        self.transaction = transaction

    async def call(self, name: str, request: FinishMemberships, answer: Any, **_: Any) -> Empty:
        if request.transaction != self.transaction:
            raise unavailable()
        return Empty()


async def test_commits_that_users_cannot_finish_keep_no_other_waiting(database_url: str) -> None:
    """However many of the oldest there are: they stay, and newer ones are still finished."""
    stuck, transaction = 2 * LEFT_OVER_LIMIT + 1, new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO decisions (transaction, committed, at)"
            " SELECT gen_random_uuid(), true, now() - interval '2 days'"
            " FROM generate_series(1, %s)",
            (stuck,),
        )
        connection.execute(
            "INSERT INTO decisions (transaction, committed, at)"
            " VALUES (%s, true, now() - interval '1 day')",
            (transaction,),
        )
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        coordinator = Coordinator(pool, cast(Calls, Users(transaction)), cast(Announcer, None))
        for _ in range(3):
            await coordinator.finish_left_over()
            await coordinator.forget_acknowledged()
        left = {one for (one,) in await fetch(pool, "SELECT transaction::text FROM decisions")}
    assert len(left) == stuck
    assert transaction not in left
