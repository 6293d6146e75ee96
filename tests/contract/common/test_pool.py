"""The pool of connections, against a real PostgreSQL."""

import asyncio

import psycopg
import pytest

from common.database.pool import create_pool, may_pass

SIZE = 8


async def test_connections_that_the_server_ended_are_not_given_out(database_url: str) -> None:
    """After a restart, or a failover, nobody gets a connection from before it."""
    pool = create_pool(database_url, size=SIZE, min_size=SIZE)
    async with pool:
        await pool.wait()
        with psycopg.connect(database_url, autocommit=True) as other:
            end_all = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert len(other.execute(end_all).fetchall()) == SIZE

        async def ask() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")

        async with asyncio.timeout(2):  # and nobody waits for long
            await asyncio.gather(*(ask() for _ in range(4 * SIZE)))


async def test_a_notice_does_not_end_a_connection(database_url: str) -> None:
    """What an idle connection is told by a server that lives does it no harm."""
    pool = create_pool(database_url, size=1, min_size=1)
    async with pool:
        async with pool.connection() as connection:
            await connection.execute("LISTEN news")
            pid = connection.info.backend_pid
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("NOTIFY news")
        for _ in range(3):
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
                assert connection.info.backend_pid == pid


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.errors.LockNotAvailable(), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.QueryCanceled(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (psycopg.errors.TransactionTimeout(), True),
        (psycopg.errors.CheckViolation(), False),
        (psycopg.errors.UntranslatableCharacter(), False),
        (psycopg.errors.UndefinedFunction(), False),
        (psycopg.InterfaceError("a bug"), False),
    ],
    ids=repr,
)
def test_what_may_pass(error: psycopg.Error, may: bool) -> None:
    """A transaction is run again where it lost, or PostgreSQL is gone, busy or full; not where its
    content was refused."""
    assert may_pass(error) is may
