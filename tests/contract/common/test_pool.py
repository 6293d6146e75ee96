"""The connection pool, on a real PostgreSQL."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from common.database.failures import (
    DatabaseBusy,
    DatabaseExhausted,
    DatabaseTooOld,
    DatabaseUnreachable,
    retry_busy,
)
from common.database.migrations import migrate
from common.database.pool import Pool, begin, create_pool
from tests.fixtures.busy import BUSY
from tests.fixtures.proxy import Filter, Proxy, pass_log_in
from tests.fixtures.servers import PostgresServer

SIZE = 8
NEVER_SECONDS = 600
BACK_SECONDS = 60.0  # on a busy machine


async def test_connections_that_the_server_ended_are_not_given_out(database_url: str) -> None:
    """After a restart or a failover, nobody gets an older connection."""
    pool = create_pool(database_url, size=SIZE, min_size=SIZE)
    async with pool:
        await pool.wait()
        with psycopg.connect(database_url, autocommit=True) as other:
            end_all = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert len(other.execute(end_all).fetchall()) == SIZE

        async with asyncio.timeout(BUSY * 2):  # and nobody waits for long
            await asyncio.gather(*(ask(pool) for _ in range(4 * SIZE)))


async def test_a_server_that_says_nothing_keeps_no_other_from_being_found(
    make_postgres: Callable[..., PostgresServer],
) -> None:
    """Its machine is down, and waits on its connections take minutes here. The other server comes
    back while requests wait, one after the other."""
    server = make_postgres()
    known = conninfo_to_dict(server.make_database())
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, and nothing else
        known["host"] = f"127.0.0.1,{known['host']}"
        known["port"] = f"{silent.getsockname()[1]},{known['port']}"
        pool = create_pool(make_conninfo("", **known), size=1)
        assert isinstance(pool.kwargs, dict)
        pool.kwargs["connect_timeout"] = NEVER_SECONDS
        async with pool, asyncio.timeout(BACK_SECONDS):
            await pool.wait(NEVER_SECONDS)
            server.kill()
            for _ in range(2):
                with pytest.raises(DatabaseUnreachable):
                    await ask(pool)
                await asyncio.sleep(0.2)
            server.start()
            while True:
                with contextlib.suppress(DatabaseUnreachable):
                    return await ask(pool)


async def test_a_server_that_hangs_after_the_log_in_does_not_end_the_pool(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice in a row it does not answer what the pool asks a new connection: others are made."""
    monkeypatch.setattr("common.database.pool.ASK_SECONDS", 0.5)
    opened = itertools.count()

    def make_filter() -> Filter:
        return pass_log_in() if next(opened) < 2 else bytes  # as they are

    known = conninfo_to_dict(database_url)
    async with Proxy(str(known["host"]), int(known["port"] or 0), make_filter) as proxy:
        known["port"] = proxy.address.rpartition(":")[2]
        async with (
            create_pool(make_conninfo("", **known), size=4) as pool,
            asyncio.timeout(BACK_SECONDS),
        ):
            while True:
                with contextlib.suppress(DatabaseUnreachable):
                    return await ask(pool)


async def ask(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")


async def test_a_server_that_is_too_old_is_refused_by_name(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is changed on it."""
    monkeypatch.setattr("common.database.migrations.OLDEST_POSTGRES", 990_000)
    with pytest.raises(DatabaseTooOld, match="too old: 99 or newer"):
        await migrate(database_url, tmp_path)


async def test_a_migration_that_waits_holds_up_nobody(database_url: str, tmp_path: Path) -> None:
    """While a backup reads a table that is to be altered, others keep using it, and the migration
    is applied when the backup is done."""
    (tmp_path / "0001_table.sql").write_text("CREATE TABLE things (id integer)")
    await migrate(database_url, tmp_path)
    (tmp_path / "0002_column.sql").write_text("ALTER TABLE things ADD COLUMN name text")
    with psycopg.connect(database_url) as backup:
        backup.execute("SELECT FROM things")
        migrating = asyncio.create_task(migrate(database_url, tmp_path))
        async with create_pool(database_url, size=1) as pool:
            for _ in range(20):
                await asyncio.sleep(0.1)
                async with pool.connection() as connection:
                    await connection.execute("SELECT FROM things")
        assert not migrating.done()
    assert await migrating == ["0002_column.sql"]


async def test_a_notice_does_not_end_a_connection(database_url: str) -> None:
    """A notice from a running server does no harm to an idle connection."""
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


async def test_the_connection_that_was_used_last_is_used_next(database_url: str) -> None:
    """Consecutive statements wake only one process of the server."""
    pool = create_pool(database_url, size=SIZE, min_size=SIZE)
    async with pool:
        await pool.wait()
        used = set()
        for _ in range(SIZE):
            async with pool.connection() as connection, pool.connection():
                used.add(connection.info.backend_pid)
        assert len(used) <= 2


RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = 'no space left'; END $$"


@pytest.mark.parametrize(
    ("sqlstate", "failure"),
    [
        ("08006", DatabaseUnreachable),  # connection failure
        ("25006", DatabaseUnreachable),  # read only: a standby
        ("25P04", DatabaseUnreachable),  # transaction_timeout
        ("53300", DatabaseUnreachable),  # too many connections
        ("57014", DatabaseUnreachable),  # statement_timeout
        ("57P01", DatabaseUnreachable),  # shut down
        ("57P03", DatabaseUnreachable),  # starting
        ("40001", DatabaseBusy),
        ("40P01", DatabaseBusy),
        ("55P03", DatabaseBusy),
        ("53100", DatabaseExhausted),  # disk full
        ("53200", DatabaseExhausted),  # out of memory
        ("58030", DatabaseExhausted),  # I/O
        ("22P05", psycopg.errors.UntranslatableCharacter),
        ("23514", psycopg.errors.CheckViolation),
        ("42883", psycopg.errors.UndefinedFunction),
    ],
)
async def test_failures_have_names(
    database_url: str, sqlstate: str, failure: type[psycopg.Error]
) -> None:
    """An unreachable PostgreSQL, one out of resources, a transaction that lost, and a statement
    whose content is refused have different errors."""
    async with create_pool(database_url, size=1, min_size=1) as pool:
        with pytest.raises(psycopg.Error) as raised:
            async with pool.connection() as connection:
                await connection.execute(RAISE.format(sqlstate))
        assert raised.type is failure
        async with pool.connection() as connection:  # the pool still works
            await connection.execute("SELECT 1")


async def test_a_pool_without_a_server_is_unreachable() -> None:
    """So is one whose connections are all in use for too long."""
    async with create_pool("postgresql://127.0.0.1:1/none", size=1, min_size=0) as pool:
        with pytest.raises(DatabaseUnreachable):
            async with pool.connection(timeout=0.2):
                pass


async def test_a_full_disk_is_an_error_in_the_log(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the server's message, since the operator must act."""
    async with create_pool(database_url, size=1, min_size=1) as pool:
        with pytest.raises(DatabaseExhausted):
            async with pool.connection() as connection:
                await connection.execute(RAISE.format("53100"))
    (record,) = [one for one in caplog.records if one.message == "database exhausted"]
    assert record.levelname == "ERROR"
    assert vars(record)["fields"] == {"sqlstate": "53100", "cause": "no space left"}


async def test_a_transaction_that_lost_is_tried_again(database_url: str) -> None:
    """A deadlock ends one of two transactions, which succeeds on retry."""
    async with create_pool(database_url, size=2) as pool:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0)")
            await connection.execute("INSERT INTO t VALUES (1), (2)")
        both_hold_one = asyncio.Barrier(2)
        tries = 0

        async def change(first: int, second: int) -> None:
            async def attempt() -> None:
                nonlocal tries
                tries += 1
                # Both may lose the first time; retried in one order, they cannot.
                rows = (first, second) if (is_first := tries <= 2) else (1, 2)
                async with begin(pool) as connection:
                    await connection.execute("UPDATE t SET n = n + 1 WHERE id = %s", (rows[0],))
                    if is_first:
                        await both_hold_one.wait()
                    await connection.execute("UPDATE t SET n = n + 1 WHERE id = %s", (rows[1],))

            await retry_busy(attempt)

        await asyncio.gather(change(1, 2), change(2, 1))
        assert tries > 2
        async with pool.connection() as connection:
            rows = await connection.execute("SELECT n FROM t")
            assert await rows.fetchall() == [(2,), (2,)]
