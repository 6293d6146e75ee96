"""Changes of a chat other than messages: one call of `commit_change` each, and how it may fail."""

from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg

from chats.store.arrays import id_array
from chats.store.query import execute, fetch
from common.database.failures import DatabaseBusy, DatabaseUnavailable, retry_busy
from common.database.pool import Pool
from common.database.primary import SETTLE_WHAT_WAS_FOUND

_COMMIT = """
SELECT seq, at, outbox_id FROM commit_change(
    ROW(
        %(chat)s, %(version)s, %(name)s, %(owner)s, %(joining)s, %(leaving)s, %(is_end)s,
        %(kind)s, %(by)s, %(draft)s, %(controls)s
    )::chat_change,
    %(topic)s,
    ROW(%(scope)s, %(key)s, %(result)s)::request_result,
    ROW(%(transaction)s, %(began)s, %(max_age)s)::change_attempt
)
"""


class Change(NamedTuple):
    """The new state of a chat, and the event that announces it; it has passed all checks.

    `version` is the one that the change was made for, 0 for a new chat. `joining` are appended to
    the participants in this order. A chat without an owner is a direct one.
    """

    chat: str
    version: int
    name: str
    owner: str | None
    topic: str | None
    kind: str
    by: str
    draft: bytes
    controls: str | None
    joining: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    is_end: bool = False


class ResultKey(NamedTuple):
    """What identifies a request: who, which call on which chat, which key."""

    caller: str
    scope: str
    key: str


class Committed(NamedTuple):
    """The event's number and time, and its row in the outbox."""

    seq: int
    at: str
    outbox_id: int


class NotCommitted(Exception):
    """The change left nothing; the subclass says why."""


class Moved(NotCommitted):
    """The chat is at another version than the one that was checked."""


class TooOld(NotCommitted):
    """The transaction began too long ago to be committed."""


class Aborted(NotCommitted):
    """Somebody asked for the decision, which made it an abort."""


class Repeated(NotCommitted):
    """A request with the same key was faster."""


class PairTaken(NotCommitted):
    """These two have a direct chat already."""


class Outrun(NotCommitted):
    """At each try another transaction held what it needs, or was faster."""


_BY_SQLSTATE: dict[str | None, type[NotCommitted]] = {"HB001": Moved, "HB002": TooOld}
_BY_CONSTRAINT: dict[str | None, type[NotCommitted]] = {
    "decisions_pkey": Aborted,
    "results_pkey": Repeated,
    "direct_chats_pkey": PairTaken,
}


async def commit_change(
    pool: Pool,
    change: Change,
    key: ResultKey,
    result: bytes,
    *,
    transaction: str | None,
    began: datetime,
    max_age_seconds: float,
) -> Committed:
    """Commits the change with its event, result and (for a `transaction`) decision.

    `began` is the attempt's. Raises a NotCommitted when nothing was committed; DatabaseUnavailable
    when that is not known.
    """
    parameters = {
        **change._asdict(),
        "joining": id_array(change.joining),
        "leaving": id_array(change.leaving),
        "scope": key.scope,
        "key": key.key,
        "result": result,
        "transaction": transaction,
        "began": began,
        "max_age": timedelta(seconds=max_age_seconds),
    }

    async def attempt() -> Committed:
        async with pool.connection() as connection:
            row = await (await connection.execute(_COMMIT, parameters)).fetchone()
            assert row is not None
            return Committed(*row)

    try:
        return await retry_busy(attempt)
    except DatabaseBusy as error:
        raise Outrun from error
    except DatabaseUnavailable:
        raise
    except psycopg.Error as error:
        reason = _BY_SQLSTATE.get(error.sqlstate)
        if isinstance(error, psycopg.errors.UniqueViolation):
            reason = _BY_CONSTRAINT.get(error.diag.constraint_name)
        if reason is None:
            raise
        raise reason from error


class Attempt(NamedTuple):
    """`began` is the database's time, which goes on while this process is stopped; `known` is the
    first result of this request, if there is one."""

    began: datetime
    known: bytes | None


async def begin_attempt(pool: Pool, key: ResultKey) -> Attempt:
    """Must be called before anything is checked."""
    rows = await fetch(
        pool,
        "SELECT clock_timestamp(), (SELECT result FROM results"
        " WHERE caller = %s::uuid AND scope = %s AND key = %s::uuid)",
        key,
    )
    attempt = Attempt(*rows[0])
    if attempt.known is not None:
        await fetch(pool, SETTLE_WHAT_WAS_FOUND)
    return attempt


async def keep_result(pool: Pool, key: ResultKey, result: bytes) -> None:
    """For a request that had nothing to change. An existing result stays."""
    await execute(
        pool,
        "INSERT INTO results (caller, scope, key, result) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (*key, result),
    )
