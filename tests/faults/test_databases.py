"""PostgreSQL is cut off, hangs, is slow, blocks, or ends sessions: sends wait, none is lost."""

import asyncio
import contextlib

import psycopg
import pytest

from tests.faults.conftest import Engines
from tests.faults.storm import Scene, ride_out
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.proxy import Mode

INVARIANTS = "I1 to I9"


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "seconds", "times"),
    [("refuse", 1.0, 4), ("stall answers", 3.0, 4), ("half open", 3.0, 4)],
)
async def test_the_way_to_a_database_is_cut_or_hangs(
    mode: Mode,
    seconds: float,
    times: int,
    proxied_system: Hubbub,
    engines: Engines,
    seed: int,
) -> None:
    """Commits whose answer never arrived are resolved by a query, not by guessing."""

    async def inject(scene: Scene) -> None:
        for number in range(times):
            proxy = engines.users_proxy if number % 2 else engines.chats_proxy
            with scene.fault(f"database: {mode}"):
                await proxy.turn(mode)
                await asyncio.sleep(seconds)
                proxy.cut()  # answers in flight are lost for good
                await proxy.turn("pass")
            await asyncio.sleep(2.5)

    await ride_out(
        proxied_system, inject, fault=f"6 way to a database: {mode}, then cut",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_postgres_restarts(proxied_system: Hubbub, engines: Engines, seed: int) -> None:
    """kill -9 of the server, three seconds of downtime, and a recovery."""

    async def inject(scene: Scene) -> None:
        for _ in range(2):
            with scene.fault("PostgreSQL gone"):
                engines.postgres.kill()
                await asyncio.sleep(3)
                await asyncio.to_thread(engines.postgres.start)
            await asyncio.sleep(4)

    await ride_out(
        proxied_system, inject, fault="7 PostgreSQL killed, gone for 3 s",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_postgres_hangs(proxied_system: Hubbub, engines: Engines, seed: int) -> None:
    """SIGSTOP of all its processes for 12 s: connections stay open, nothing is answered."""

    async def inject(scene: Scene) -> None:
        with scene.fault("PostgreSQL hangs"):
            engines.postgres.pause()
            await asyncio.sleep(12)
            engines.postgres.go_on()
        await asyncio.sleep(4)

    await ride_out(
        proxied_system, inject, fault="7 PostgreSQL stopped for 12 s",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_somebody_else_is_in_the_database(
    proxied_system: Hubbub, engines: Engines, seed: int
) -> None:
    """A long transaction with a snapshot, locks on chats' rows, and terminated sessions."""

    async def inject(scene: Scene) -> None:
        url = engines.databases["chats"]
        async with await psycopg.AsyncConnection.connect(url) as snapshot:
            await snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await snapshot.execute("SELECT count(*) FROM pg_class")
            for _ in range(4):
                with scene.fault("rows locked"):
                    await _hold_locks(url, seconds=1.5)
                with scene.fault("sessions ended"):
                    await _end_sessions(url)
                await asyncio.sleep(1)

    await ride_out(
        proxied_system, inject, fault="7 long transaction, rows locked for 1.5 s, sessions ended",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_connections_run_out(proxied_system: Hubbub, engines: Engines, seed: int) -> None:
    """Another client takes all remaining connections while the services must reopen theirs."""

    async def inject(scene: Scene) -> None:
        for database in ("chats", "users", "chats"):
            with scene.fault("connections used up"):
                await _end_sessions(engines.databases[database])
                await _use_up_connections(engines.databases[database], seconds=2)
            await asyncio.sleep(3)

    await ride_out(
        proxied_system, inject, fault="7 PostgreSQL's connections used up for 2 s",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_transactions_deadlock(proxied_system: Hubbub, engines: Engines, seed: int) -> None:
    """Another client locks chats in the opposite order: one of the two is aborted, and retried."""

    async def inject(scene: Scene) -> None:
        url = engines.databases["chats"]
        refused = await _count_lock_failures(url)
        for _ in range(6):
            with scene.fault("locks taken backwards"):
                await _lock_backwards(url)
            await asyncio.sleep(0.5)
        assert await _count_lock_failures(url) > refused, "nobody has met the locks"

    await ride_out(
        proxied_system, inject, fault="7 locks taken in the opposite order",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


async def _count_lock_failures(url: str) -> int:
    """Transactions that were rolled back because of deadlocks or lock timeouts."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _use_up_connections(url: str, seconds: float) -> None:
    async with contextlib.AsyncExitStack() as stack:
        refused = ""
        while not refused:
            try:
                connection = await psycopg.AsyncConnection.connect(url, connect_timeout=2)
                await stack.enter_async_context(connection)
            except psycopg.OperationalError as error:  # none are left, as intended
                refused = str(error)
        assert "too many" in refused or "remaining connection slots" in refused, refused
        await asyncio.sleep(seconds)


async def _lock_backwards(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await (await connection.execute("SELECT id FROM chats ORDER BY id DESC")).fetchall()
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            for (chat,) in rows:
                await connection.execute("SELECT 1 FROM chats WHERE id = %s FOR UPDATE", (chat,))
                await asyncio.sleep(0.3)
        await connection.rollback()


async def _hold_locks(url: str, seconds: float) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        await connection.execute("SELECT id FROM chats ORDER BY id FOR UPDATE")
        await asyncio.sleep(seconds)
        await connection.rollback()


async def _end_sessions(url: str) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            ended = await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state <> 'idle in transaction'"
            )
            assert ended.rowcount > 0, "there was no session to end"
