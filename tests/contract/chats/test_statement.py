"""Statements written directly to libpq, on a persistent connection, alongside psycopg cursors."""

import asyncio
import os

import psycopg
import pytest

from chats.store.statement import Statement
from common.database.failures import DatabaseUnreachable
from common.database.pool import Pool, create_pool
from common.database.primary import Primary
from common.process.tasks import stop
from fleet.processes.ports import LOOPBACK
from tests.fixtures.busy import BUSY

TWICE = Statement("twice", "SELECT 2 * $1::int4, $1")
ECHO = Statement("echo", "SELECT $1::text")
ECHO_LATE = Statement("echo_late", "SELECT $1::text FROM pg_sleep(0.5)")
PID_AFTER = Statement(
    "pid_after",
    "SELECT pid FROM (SELECT pg_backend_pid() AS pid, pg_sleep($1::float8) OFFSET 0) slept",
)


async def test_it_goes_on_where_psycopg_deallocates_everything(database_url: str) -> None:
    """psycopg does so with its next statement after a rollback, such as that of a prepared
    transaction."""
    async with create_pool(database_url, size=1) as pool:
        assert await TWICE.fetch(pool, [b"21"]) == [(42, 21)]
        for number in range(3):
            async with pool.connection() as connection:
                for words in (
                    "SELECT",
                    "SELECT",
                    "BEGIN",
                    "ROLLBACK",
                ):  # the first ones are prepared
                    await connection.execute(words)
            assert await list_prepared(pool) == []
            assert await TWICE.fetch(pool, [b"%d" % number]) == [(2 * number, number)]


async def test_what_the_database_refuses_leaves_it_usable(database_url: str) -> None:
    """The caller gets PostgreSQL's own error."""
    async with create_pool(database_url, size=1) as pool:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            await TWICE.fetch(pool, [b"x"])
        assert await TWICE.fetch(pool, [None]) == [(None, None)]


async def list_prepared(pool: Pool) -> list[str]:
    async with pool.connection() as connection:
        question = "SELECT name FROM pg_prepared_statements WHERE name = 'twice'"
        return [name for (name,) in await (await connection.execute(question)).fetchall()]


async def test_statements_that_follow_one_another_use_one_connection(database_url: str) -> None:
    """Two at a time use two, and no more are opened."""
    async with create_pool(database_url, size=8, min_size=2) as pool:
        await pool.wait()
        for _ in range(3):
            pids = await asyncio.gather(
                PID_AFTER.fetch(pool, [b"0.05"]), PID_AFTER.fetch(pool, [b"0.05"])
            )
            assert pids[0] != pids[1]
        [last] = [await PID_AFTER.fetch(pool, [b"0"]) for _ in range(3)][-1:]
        assert last in pids
        assert pool.get_stats()["pool_size"] == 2


async def test_who_waits_for_a_connection_gets_one_that_is_only_kept(database_url: str) -> None:
    """A pool of one connection is enough."""
    async with create_pool(database_url, size=1) as pool, asyncio.timeout(BUSY):
        for number in range(5):
            assert await TWICE.fetch(pool, [b"%d" % number]) == [(2 * number, number)]
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")


async def test_who_waits_for_one_that_is_in_use_gets_it_next(database_url: str) -> None:
    """Meanwhile two callers send statements without a pause."""
    async with create_pool(database_url, size=1) as pool:

        async def go_on() -> None:
            while True:
                await PID_AFTER.fetch(pool, [b"0.01"])

        callers = [asyncio.create_task(go_on()) for _ in range(2)]
        async with asyncio.timeout(BUSY):
            for _ in range(3):
                await list_prepared(pool)
        await stop(callers)


async def test_one_that_nobody_needs_goes_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool lends it again, or closes it."""
    monkeypatch.setattr("common.database.pool.LOOK_SECONDS", 0.05)
    async with create_pool(database_url, size=2) as pool:
        await pool.wait()
        await TWICE.fetch(pool, [b"1"])
        assert pool.kept.free == pool.get_stats()["pool_available"] == 1
        async with asyncio.timeout(BUSY):
            # A task returns it, so for a moment neither of them has it.
            while pool.kept.free or pool.get_stats()["pool_available"] != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # there is no event to wait for
        assert await TWICE.fetch(pool, [b"21"]) == [(42, 21)]


async def test_one_that_is_held_for_long_goes_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool may want to close it because of its age."""
    monkeypatch.setattr("common.database.kept.KEEP_SECONDS", 0.0)
    async with create_pool(database_url, size=2) as pool:
        await pool.wait()
        for _ in range(3):
            await TWICE.fetch(pool, [b"1"])
            assert pool.kept.free == 0
            assert pool.get_stats()["pool_available"] == 1


async def test_what_a_socket_does_not_take_at_once_arrives(database_url: str) -> None:
    """Also if the answer comes in many pieces; the next statement is not affected."""
    large = b"x" * 20_000_000
    async with create_pool(database_url, size=1) as pool:
        assert await ECHO.fetch(pool, [large]) == [(large.decode(),)]
        assert await TWICE.fetch(pool, [b"21"]) == [(42, 21)]


@pytest.mark.parametrize("at_rest", [True, False])
async def test_one_that_the_server_ended_is_not_used(database_url: str, at_rest: bool) -> None:
    """No caller gets its error, whether or not the process has noticed the end."""
    async with create_pool(database_url, size=4) as pool:
        pids = await asyncio.gather(*(PID_AFTER.fetch(pool, [b"0.05"]) for _ in range(3)))
        end(database_url, [pid for [(pid,)] in pids])
        if at_rest:
            await asyncio.sleep(0.05)
        async with asyncio.timeout(BUSY):
            for _ in range(5):
                assert await TWICE.fetch(pool, [b"21"]) == [(42, 21)]


async def test_another_socket_gets_the_number_of_one_that_the_server_ended(
    database_url: str,
) -> None:
    """The new one is read as usual, and the pool lends as many connections as before."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.readline())
        writer.close()

    async with (
        create_pool(database_url, size=2) as pool,
        await asyncio.start_server(hear, LOOPBACK, 0) as server,
    ):
        pids = await asyncio.gather(*(PID_AFTER.fetch(pool, [b"0.05"]) for _ in range(2)))
        open_before = set(os.listdir("/proc/self/fd"))
        end(database_url, [pid for [(pid,)] in pids])
        async with asyncio.timeout(30):
            # Until both ends have arrived.
            while len(freed := open_before - set(os.listdir("/proc/self/fd"))) < len(pids):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        port = server.sockets[0].getsockname()[1]
        writers = [(await asyncio.open_connection(LOOPBACK, port))[1] for _ in range(2)]
        assert freed <= set(os.listdir("/proc/self/fd"))
        async with asyncio.timeout(BUSY):
            await asyncio.gather(*(PID_AFTER.fetch(pool, [b"0.05"]) for _ in range(4)))
            for writer in writers:
                writer.write(b"here\n")
                assert await heard.get() == b"here\n"
                writer.close()


async def test_one_that_was_cancelled_while_it_wrote_is_read_again(database_url: str) -> None:
    """It would have written more than the socket accepts at once."""
    async with create_pool(database_url, size=1) as pool, asyncio.timeout(BUSY):
        writing = asyncio.create_task(ECHO_LATE.fetch(pool, [b"x" * 20_000_000]))
        await asyncio.sleep(0.1)
        await stop([writing])
        assert await TWICE.fetch(pool, [b"21"]) == [(42, 21)]


async def test_one_that_ends_in_the_middle_is_named(database_url: str) -> None:
    """The outcome of the statement is unknown."""
    async with create_pool(database_url, size=2) as pool:
        [(pid,)] = await PID_AFTER.fetch(pool, [b"0"])
        asking = asyncio.create_task(PID_AFTER.fetch(pool, [b"600"]))
        await asyncio.sleep(0.1)
        end(database_url, [pid])
        with pytest.raises(DatabaseUnreachable):
            await asking
        async with asyncio.timeout(BUSY):
            assert await TWICE.fetch(pool, [b"21"]) == [(42, 21)]


async def test_one_whose_answer_nobody_waits_for_is_not_used_again(database_url: str) -> None:
    """Its answer would be taken for that of the next statement."""
    async with create_pool(database_url, size=2) as pool:
        [(pid,)] = await PID_AFTER.fetch(pool, [b"0"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await PID_AFTER.fetch(pool, [b"600"])
        async with asyncio.timeout(BUSY):
            [(other,)] = await PID_AFTER.fetch(pool, [b"0"])
        assert other != pid


async def test_one_to_a_server_that_others_have_left_is_not_used(database_url: str) -> None:
    """It may still accept writes, since it does not know."""
    primary = Primary()
    async with create_pool(database_url, size=2, primary=primary) as pool:
        await PID_AFTER.fetch(pool, [b"0"])
        assert primary.facts is not None
        primary.note(primary.facts._replace(timeline=primary.facts.timeline + 1))
        patience, pool.timeout = pool.timeout, 1.0  # no other server comes
        with pytest.raises(DatabaseUnreachable):
            await PID_AFTER.fetch(pool, [b"0"])
        pool.timeout = patience
        primary.note(primary.facts._replace(timeline=primary.facts.timeline - 1))
        async with asyncio.timeout(BUSY):
            await PID_AFTER.fetch(pool, [b"0"])


async def test_a_pool_that_is_closed_keeps_none(database_url: str) -> None:
    """Neither an idle one nor one in use."""
    pool = create_pool(database_url, size=2)
    async with pool:
        await asyncio.gather(*(PID_AFTER.fetch(pool, [b"0.05"]) for _ in range(2)))
        asking = asyncio.create_task(PID_AFTER.fetch(pool, [b"0.3"]))
        await asyncio.sleep(0.05)
    await asking
    with psycopg.connect(database_url) as other:
        question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        async with asyncio.timeout(BUSY):
            while other.execute(question).fetchall() != [(1,)]:
                other.rollback()
                await asyncio.sleep(0.02)


def end(database_url: str, pids: list[int]) -> None:
    """Returns when the server no longer has such processes."""
    with psycopg.connect(database_url, autocommit=True) as other:
        # False for a process that is gone already.
        other.execute("SELECT pg_terminate_backend(pid, 30000) FROM unnest(%s) pid", [pids])
        left = other.execute("SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
        assert left.fetchall() == []
