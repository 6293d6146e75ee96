"""Failures of PostgreSQL by SQLSTATE: those that are not the statement's fault, and may pass.

    DatabaseUnavailable        callers are told `unavailable`
    ├── DatabaseUnreachable    down, starting, refusing, too slow, or no connection is free
    ├── DatabaseExhausted      no disk space or memory: an operator has to act
    └── DatabaseBusy           the transaction conflicted with others; nothing of it is stored

After the first two it is not known whether the transaction was committed. Any other error is a
refusal of the statement's content, or a bug. https://www.postgresql.org/docs/18/errcodes-appendix.html
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import psycopg
from prometheus_client import Counter

from common.process.logs import log

T = TypeVar("T")

MAX_TRIES: Final = 5  # of a transaction that conflicts with others

FAILURES: Final = Counter(
    "hubbub_database_failures", "Transactions that PostgreSQL failed, by how.", ["failure"]
)


class DatabaseTooOld(Exception):
    """The text says which release is needed."""


class NoTables(Exception):
    """The database was never set up."""


class DatabaseUnavailable(psycopg.OperationalError):
    """PostgreSQL fails, and the same transaction may succeed later."""


class DatabaseUnreachable(DatabaseUnavailable):
    pass


class DatabaseExhausted(DatabaseUnavailable):
    pass


class DatabaseBusy(DatabaseUnavailable):
    pass


_BY_CLASS: Final = {
    "08": DatabaseUnreachable,  # connection exception
    "40": DatabaseBusy,  # transaction rollback: deadlock, serialization failure
    "53": DatabaseExhausted,  # insufficient resources
    "57": DatabaseUnreachable,  # operator intervention: shut down, starting, cancelled
    "58": DatabaseExhausted,  # system error: input and output
}
_BY_STATE: Final = {
    "25006": DatabaseUnreachable,  # a primary that has become a standby
    "25P03": DatabaseUnreachable,  # idle_in_transaction_session_timeout
    "25P04": DatabaseUnreachable,  # transaction_timeout
    "53300": DatabaseUnreachable,  # too many connections
    "55P03": DatabaseBusy,  # lock_timeout
}


def name_failure(error: psycopg.Error) -> type[DatabaseUnavailable] | None:
    """None for an error that is the statement's fault, or ours."""
    state = error.sqlstate
    if state is None:  # not from the server: a connection was lost, or none can be had
        return DatabaseUnreachable if isinstance(error, psycopg.OperationalError) else None
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2])


def named(error: psycopg.Error) -> psycopg.Error:
    """The DatabaseUnavailable that stands for psycopg's error, if there is one; counted."""
    if isinstance(error, DatabaseUnavailable) or (failure := name_failure(error)) is None:
        return error
    FAILURES.labels(failure.__name__).inc()
    if failure is DatabaseExhausted:
        cause = error.diag.message_primary
        log("database exhausted", level=logging.ERROR, sqlstate=error.sqlstate, cause=cause)
    return failure(str(error))


@contextmanager
def naming_failures() -> Iterator[None]:
    """Raises a DatabaseUnavailable in place of psycopg's errors that mean one."""
    try:
        yield
    except psycopg.Error as error:
        if (failure := named(error)) is error:
            raise
        raise failure from error


async def retry_busy(attempt: Callable[[], Awaitable[T]]) -> T:
    """Runs the attempt, a whole transaction, again while it conflicts with others.

    Raises DatabaseBusy after the last try.
    """
    for _ in range(MAX_TRIES - 1):
        try:
            return await attempt()
        except DatabaseBusy:
            continue
    return await attempt()


@contextmanager
def wanting_tables() -> Iterator[None]:
    """For the first statement of an operator's command. Raises NoTables."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise NoTables from error
