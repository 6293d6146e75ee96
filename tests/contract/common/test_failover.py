"""A pool over two PostgreSQL servers; the test kills one and promotes the other."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from chats.store.chats import read_epoch
from chats.store.decisions import decide
from chats.store.files import Step, begin_upload, delete_file, finish_upload
from chats.store.query import fetch
from chats.store.schema import set_up_database
from chats.store.statement import Statement
from chats.store.timeline import settle_timeline
from common.database.failures import DatabaseUnavailable, DatabaseUnreachable
from common.database.pool import Pool, create_pool
from common.database.primary import SETTLE_WHAT_WAS_FOUND, Primary
from common.protocol.files import BeginUpload, FinishUpload
from common.protocol.ids import new_id
from common.protocol.users import ChangeProfile
from tests.fixtures.replicas import Replicated
from tests.fixtures.servers import PostgresServer
from users.accounts import Accounts
from users.passwords import Passwords, create_hasher
from users.sessions import Sessions
from users.store.upkeep import set_up_database as set_up_users

Make = Callable[..., Replicated]
BACK_SECONDS = 60.0  # on a busy machine
ENOUGH = 20


class Finished(NamedTuple):
    """An upload whose bytes are all stored."""

    upload: BeginUpload

    @property
    def request(self) -> FinishUpload:
        return FinishUpload(
            id=self.upload.id, size=1, type="text/plain", width=None, height=None, preview=None
        )


def new_upload(chat: str, user: str) -> BeginUpload:
    return BeginUpload(
        id=new_id(), user=user, chat=chat, key=new_id(), name="x", size=1, at_once=20
    )


@pytest.fixture
def make_replicated(make_postgres: Callable[..., PostgresServer], tmp_path: Path) -> Iterator[Make]:
    """Two servers, and their clean-up."""
    made: list[Replicated] = []

    def make(*, synchronous: bool) -> Replicated:
        made.append(
            Replicated(make_postgres, tmp_path / f"standby-{len(made)}", synchronous=synchronous)
        )
        return made[-1]

    yield make
    for servers in made:
        servers.close()


async def until_it_serves(pool: Pool) -> None:
    """Waits until the pool has a server that accepts writes."""
    async with asyncio.timeout(BACK_SECONDS):
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                async with pool.connection() as connection:
                    await connection.execute("SELECT 1")
                    return
            await asyncio.sleep(0.05)


async def test_what_was_answered_survives_the_primary_and_its_machine(
    make_replicated: Make,
) -> None:
    """With a standby that must confirm each commit, nothing that was answered is lost when the
    primary is killed under load, and what was prepared is still prepared."""
    servers = make_replicated(synchronous=True)
    url = servers.primary.make_database()
    primary = Primary()
    async with create_pool(servers.url_of(url), size=4, primary=primary) as pool:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE said (n int PRIMARY KEY)")
        async with pool.connection() as connection:
            for statement in (
                "BEGIN", "INSERT INTO said VALUES (-1)", "PREPARE TRANSACTION 'hubbub-doubt'"
            ):  # fmt: skip
                await connection.execute(statement, prepare=False)
        assert primary.describe() == {"answersSurvive": "machine"}
        answered: list[int] = []
        is_lost = asyncio.Event()
        enough = asyncio.Event()

        async def say() -> None:
            number = 0
            while not enough.is_set():
                number += 1
                try:
                    async with pool.connection() as connection:
                        await connection.execute("INSERT INTO said VALUES (%s)", (number,))
                except DatabaseUnavailable:
                    await asyncio.sleep(0.05)
                    continue
                answered.append(number)
                if len(answered) == ENOUGH:
                    is_lost.set()

        saying = asyncio.create_task(say())
        await is_lost.wait()
        await asyncio.to_thread(servers.lose_primary)
        before = len(answered)
        began = time.monotonic()
        servers.standby.promote()
        async with asyncio.timeout(BACK_SECONDS):
            while len(answered) < before + ENOUGH:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.02)
        gap = time.monotonic() - began
        enough.set()
        await saying
        async with pool.connection() as connection:
            rows = await (await connection.execute("SELECT n FROM said")).fetchall()
            assert set(answered) <= {n for (n,) in rows}, "an answered one is lost"
            await connection.execute("COMMIT PREPARED 'hubbub-doubt'", prepare=False)
            assert (await (await connection.execute("SELECT min(n) FROM said")).fetchone()) == (-1,)
        print(f"took writes again after {gap:.2f} s")
    assert primary.facts is not None
    assert primary.facts.timeline == 2


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "has no standby"])
async def test_nothing_waits_on_an_old_primary(
    hangs: bool, make_replicated: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections stay open, whether it hangs or waits for a standby that has been promoted:
    what waits on them fails, and the next statement is not kept waiting by those that nobody
    uses."""
    monkeypatch.setattr("psycopg_pool.base.AttemptWithBackoff.INITIAL_DELAY", BACK_SECONDS)
    servers = make_replicated(synchronous=True)
    database = servers.primary.make_database()
    write = Statement("write", SETTLE_WHAT_WAS_FOUND)
    async with create_pool(servers.url_of(database), size=4, min_size=4) as pool:
        await pool.wait()
        await write.fetch(pool, [])
        if hangs:
            servers.primary.pause()
        servers.standby.promote()
        await until_promoted(servers.url_of_standby(database))
        async with asyncio.timeout(BACK_SECONDS):
            ends = await asyncio.gather(
                write.fetch(pool, []), fetch(pool, SETTLE_WHAT_WAS_FOUND), return_exceptions=True
            )
        assert [type(end) for end in ends] == [DatabaseUnreachable, DatabaseUnreachable]
        assert len(await fetch(pool, SETTLE_WHAT_WAS_FOUND)) == 1
        assert len(await write.fetch(pool, [])) == 1


async def until_promoted(url: str) -> None:
    """Waits until the server accepts writes."""
    async with asyncio.timeout(BACK_SECONDS):
        while True:
            with contextlib.suppress(psycopg.OperationalError):  # it has not come to the database
                connection = await psycopg.AsyncConnection.connect(url)
                async with connection:
                    found = await connection.execute("SELECT pg_is_in_recovery()")
                    if await found.fetchall() == [(False,)]:
                        return
            await asyncio.sleep(0.02)


async def test_a_failover_that_may_have_lost_answers_gives_another_epoch(
    make_replicated: Make,
) -> None:
    """Without such a standby the last commits are lost with the primary: replicas that remember it
    renew the epoch once, and accept nothing from it when it comes back unchanged."""
    servers = make_replicated(synchronous=False)
    database = servers.primary.make_database()
    await set_up_database(servers.url_of(database))
    primaries = Primary(), Primary()
    pools = [
        create_pool(
            servers.url_of(database), size=2, min_size=1, primary=one, arrive=settle_timeline
        )
        for one in primaries
    ]
    async with pools[0], pools[1]:
        epoch = await read_epoch(pools[0])
        assert await read_epoch(pools[1]) == epoch
        assert primaries[0].describe() == {"answersSurvive": "process"}
        servers.standby.stop()
        lost = new_id()
        assert not await decide(pools[0], lost)
        await primaries[0].look(pools[0])
        await asyncio.to_thread(servers.lose_primary)
        await asyncio.to_thread(servers.standby.start)
        servers.standby.promote()
        for pool in pools:
            await until_it_serves(pool)
        assert await read_epoch(pools[0]) != epoch
        assert await read_epoch(pools[0]) == await read_epoch(pools[1])
        async with pools[0].connection() as connection:
            kept = await connection.execute("SELECT FROM decisions WHERE transaction = %s", (lost,))
            assert not await kept.fetchall(), "it was meant to be lost"

        await asyncio.to_thread(servers.primary.start)
        await until_it_serves(pools[0])
        servers.standby.stop()
        with pytest.raises(DatabaseUnreachable):
            await decide(pools[0], new_id())


async def test_a_replica_that_remembers_nothing_leaves_the_judgement_to_others(
    make_replicated: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there are no others, it assumes that answers were lost: so after a restore of the log,
    too."""
    servers = make_replicated(synchronous=True)
    database = servers.primary.make_database()
    url = servers.url_of(database)
    await set_up_database(url)
    async with create_pool(url, size=1, min_size=1, arrive=settle_timeline) as pool:
        epoch = await read_epoch(pool)
        await asyncio.to_thread(servers.lose_primary)
        servers.standby.promote()
        await until_it_serves(pool)
        assert await read_epoch(pool) == epoch
    async with create_pool(url, size=1, min_size=1, arrive=settle_timeline) as late:
        await until_it_serves(late)
        assert await read_epoch(late) == epoch
    with psycopg.connect(servers.url_of_standby(database), autocommit=True) as connection:
        connection.execute("UPDATE installation SET timeline = 1")
    monkeypatch.setattr("chats.store.timeline.OTHERS_SECONDS", 0.1)
    async with create_pool(url, size=1, min_size=1, arrive=settle_timeline) as alone:
        await until_it_serves(alone)
        assert await read_epoch(alone) != epoch


async def until_cancelled(database: str, waiting: Collection[asyncio.Task[Any]]) -> None:
    """Cancels the wait of each commit for a standby."""
    with psycopg.connect(database, autocommit=True) as other:
        async with asyncio.timeout(BACK_SECONDS):
            while any(not task.done() for task in waiting):
                other.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event = 'SyncRep'"
                )
                await asyncio.sleep(0.02)


async def wait_in_vain(repeats: Collection[asyncio.Task[Any]]) -> None:
    done, _ = await asyncio.wait(repeats, timeout=0.5)
    assert not done, "found, and on no standby"


async def test_a_commit_that_no_standby_has_is_no_answer(make_replicated: Make) -> None:
    """Also if its wait was cancelled, and if another caller finds what it has stored."""
    servers = make_replicated(synchronous=True)
    database = servers.primary.make_database()
    await set_up_database(servers.url_of(database))
    ann, ben, chat = new_id(), new_id(), new_id()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO participants (chat, member, position) VALUES (%s, %s, 1), (%s, %s, 2)",
            (chat, ann, chat, ben),
        )
    async with create_pool(servers.url_of(database), size=8, min_size=8) as pool:
        uploads = [new_upload(chat, user) for user in (ann, ben, ann)]
        for upload in uploads:
            await begin_upload(pool, upload)
        ended, known, deleted = (Finished(upload) for upload in uploads)
        await finish_upload(pool, deleted.request)
        delete = partial(delete_file, pool, deleted.request.id, chat, ann, new_id())
        decide_it = partial(decide, pool, new_id())
        end = partial(finish_upload, pool, ended.request)
        servers.standby.stop()
        firsts = [
            asyncio.create_task(first())
            for first in (decide_it, delete, end, partial(finish_upload, pool, known.request))
        ]
        await until_cancelled(database, firsts)
        for failed in await asyncio.gather(*firsts, return_exceptions=True):
            assert isinstance(failed, DatabaseUnreachable)
        again = partial(begin_upload, pool, known.upload)
        repeats = [asyncio.create_task(one()) for one in (decide_it, delete, end, again)]
        await wait_in_vain(repeats)
        await asyncio.to_thread(servers.standby.start)
        decided, is_deleted, stored, found = await asyncio.gather(*repeats)
    assert (decided, is_deleted) == (False, True)
    assert isinstance(stored, Step)
    assert isinstance(found, Step)
    assert (stored.outcome, found.outcome) == ("stored", "known")


async def test_a_new_password_that_no_standby_has_is_no_answer(make_replicated: Make) -> None:
    """If a repeat finds it by its key."""
    servers = make_replicated(synchronous=True)
    database = servers.primary.make_database()
    await set_up_users(servers.url_of(database))
    user, session = new_id(), new_id()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, username, email) VALUES (%s, 'ann', 'ann@example.org')", (user,)
        )
        connection.execute(
            "INSERT INTO sessions (id, user_id, expires_at)"
            " VALUES (%s, %s, now() + interval '1 day')",
            (session, user),
        )
    nobody: Any = None  # nothing is asked of it
    passwords = Passwords(create_hasher(memory_kib=64, passes=1), 1)
    async with create_pool(servers.url_of(database), size=4, min_size=4) as pool:
        sessions = Sessions(pool, nobody, nobody)
        accounts = Accounts(pool, passwords, sessions, nobody, None)
        change = ChangeProfile(
            user=user, session=session, key=new_id(),
            email=None, password="correct horse", current_password=None,
        )  # fmt: skip
        servers.standby.stop()
        first = asyncio.create_task(accounts.change_profile(change))
        await until_cancelled(database, [first])
        with pytest.raises(DatabaseUnreachable):
            await first
        again = asyncio.create_task(accounts.change_profile(change))
        await wait_in_vain([again])
        await asyncio.to_thread(servers.standby.start)
        assert (await again).id == user
    passwords.close()
