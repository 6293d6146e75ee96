"""The feeder of the search index on a slow database."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from time import monotonic, sleep

import psycopg
import pytest

import chats.search.feeder
import chats.store.search_feed
from chats.log.encoding import draft_event, stamp
from chats.metrics import BACKGROUND_FAILED, SEARCH_BEHIND_SECONDS
from chats.search.feeder import SearchFeeder
from chats.search.feeding import Changes, UnfedRow, changes_of
from chats.search.pace import Pace
from chats.store.query import PLAN_OPTIONS
from common.database.failures import DatabaseUnavailable, DatabaseUnreachable
from common.database.pool import create_pool
from common.process.rounds import repeat
from common.process.tasks import stop
from common.protocol.events import Message
from common.protocol.ids import new_id
from tests.fixtures.busy import bound

MESSAGES = 600
ROW_SECONDS = 0.1
A_FEW_PASSES = int(bound(5, 50))  # on a busy machine any transaction may take too long
SLOW_BLOCKS = """
CREATE FUNCTION wait_a_little() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(%s);
    RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE INSERT ON search_blocks
FOR EACH ROW EXECUTE FUNCTION wait_a_little();
"""

SLOW_CHAT = """
CREATE FUNCTION wait_long() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(60);
    RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE UPDATE ON search_progress
FOR EACH ROW WHEN (NEW.chat = '%s') EXECUTE FUNCTION wait_long();
"""


async def test_feeding_goes_on_where_a_transaction_is_too_slow(database_url: str) -> None:
    """It tries smaller pieces until one is stored in time; then everything is."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        connection.execute(SLOW_BLOCKS % 0.06)
        failed = await feed_all(database_url, chat)
        fed = connection.execute("SELECT upto FROM search_progress WHERE chat = %s", (chat,))
        assert fed.fetchall() == [(MESSAGES,)]
    assert failed > 0


async def test_a_slow_transaction_in_a_crowd_holds_feeding_up_no_longer_than_the_crowd(
    database_url: str,
) -> None:
    """Limited to 2% of the time it would pause 49 times as long as the transaction took: 16 s."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        connection.execute(SLOW_BLOCKS % 0.02)
        async with create_pool(database_url, size=1, min_size=1) as pool, asyncio.timeout(10):
            feeder = SearchFeeder(pool)
            feeder.note([chat], MESSAGES)  # at once, and then no more
            await feeder.run()
        fed = connection.execute("SELECT upto FROM search_progress WHERE chat = %s", (chat,))
        assert fed.fetchall() == [(MESSAGES,)]


async def test_a_replica_goes_on_while_words_are_made(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member whose texts take long to become words delays nobody's sends."""
    loop, gone_on, seen = asyncio.get_running_loop(), threading.Event(), list[bool]()

    def make(rows: Iterable[UnfedRow]) -> Changes:
        loop.call_soon_threadsafe(gone_on.set)
        seen.append(gone_on.wait(30))
        return changes_of(rows)

    monkeypatch.setattr(chats.store.search_feed, "changes_of", make)
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            feeder.note([chat], 1)
            is_fed = False
            async with asyncio.timeout(60):
                while not is_fed:  # a transaction is ended where the machine stands still for long
                    with suppress(DatabaseUnavailable):
                        await feeder.run()
                        is_fed = True
    assert set(seen) == {True}


async def test_words_that_take_long_are_made_in_several_transactions(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a transaction that is idle for a second: each makes only as many words as
    fit into it. Every row gets into the index, those of a chat behind the first too."""
    made: list[int] = []

    def make(rows: Iterable[UnfedRow]) -> Changes:
        made.append(0)
        return changes_of(slowly(rows))

    def slowly(rows: Iterable[UnfedRow]) -> Iterator[UnfedRow]:
        for row in rows:
            sleep(ROW_SECONDS)
            made[-1] += 1
            yield row

    monkeypatch.setattr(chats.store.search_feed, "changes_of", make)
    with psycopg.connect(database_url, autocommit=True) as connection:
        noted = [make_chat(connection, 8) for _ in range(2)]
        # Here it is not ended, since the machine may stand still for a second.
        options = "-c idle_in_transaction_session_timeout=0"
        async with create_pool(database_url, size=1, min_size=1, options=options) as pool:
            feeder = SearchFeeder(pool)
            feeder.note(noted, 1)
            await feeder.run()
        fed = connection.execute("SELECT chat::text, upto FROM search_progress").fetchall()
    assert dict(fed) == dict.fromkeys(noted, 8)
    assert max(made) * ROW_SECONDS < 0.5


async def test_what_cannot_be_put_into_the_index_is_tried_again(database_url: str) -> None:
    """Whatever the reason: the replica keeps running, and the text is found once it is indexed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        connection.execute("ALTER TABLE search_open RENAME TO search_away")
        async with create_pool(database_url, size=1, min_size=1) as pool, asyncio.timeout(60):
            feeder = SearchFeeder(pool)
            feeder.note([chat], MESSAGES)
            before = failures()
            task = asyncio.create_task(
                repeat("feed search", 0.05, feeder.run, BACKGROUND_FAILED, Exception)
            )
            while failures() < before + 2:  # noqa: ASYNC110 - polls a metric
                await asyncio.sleep(0.02)
            connection.execute("ALTER TABLE search_away RENAME TO search_open")
            upto = 0
            while upto < MESSAGES:
                await asyncio.sleep(0.02)
                row = connection.execute("SELECT upto FROM search_progress").fetchone()
                upto = row[0] if row else 0
            await stop([task])


async def test_how_far_behind_it_is_counts_from_the_oldest_event(database_url: str) -> None:
    """Also if more messages are sent while the older ones cannot be indexed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        connection.execute("ALTER TABLE search_open RENAME TO search_away")
    async with create_pool(database_url, size=1, min_size=1) as pool:
        feeder = SearchFeeder(pool)
        first = monotonic()
        feeder.note([chat], MESSAGES)
        await asyncio.sleep(0.3)
        for _ in range(3):
            begun = monotonic()
            feeding = asyncio.create_task(feeder.run())
            while not feeding.done():
                await asyncio.sleep(0)
                feeder.note([chat], 1)
            assert isinstance(feeding.exception(), psycopg.errors.UndefinedTable)
        assert SEARCH_BEHIND_SECONDS._value.get() >= begun - first - 0.1


def upto_of_chats(connection: psycopg.Connection) -> dict[str, int]:
    """Up to which seq each is in the index."""
    return dict(connection.execute("SELECT chat::text, upto FROM search_progress").fetchall())


async def test_a_chat_that_cannot_be_fed_keeps_no_other_from_it(database_url: str) -> None:
    """All of the other chat is in the index after the same pass."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        bad, good = make_chat(connection), make_chat(connection)
        connection.execute(
            "ALTER TABLE search_progress ADD CONSTRAINT good CHECK (chat <> "
            f"'{bad}' OR upto = 0) NOT VALID"
        )
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            feeder.note([bad, good], MESSAGES)
            with pytest.raises(psycopg.errors.CheckViolation):
                await feeder.run()
        upto = upto_of_chats(connection)
    assert upto[good] == MESSAGES
    assert upto.get(bad, 0) == 0


async def test_a_chat_that_takes_too_long_keeps_no_other_from_the_index(database_url: str) -> None:
    """Wherever it is in the order, the others are fed within a few passes."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        noted = [make_chat(connection) for _ in range(5)]
        slow = noted[2]
        connection.execute(SLOW_CHAT % slow)
        options = f"{PLAN_OPTIONS} -c transaction_timeout=500"
        async with create_pool(database_url, size=1, min_size=1, options=options) as pool:
            feeder = SearchFeeder(pool)
            feeder.note(noted, MESSAGES)
            upto: dict[str, int] = {}
            for _ in range(A_FEW_PASSES):
                with pytest.raises(DatabaseUnavailable):
                    await feeder.run()
                upto = dict.fromkeys(noted, 0) | upto_of_chats(connection)
                if upto == dict.fromkeys(noted, MESSAGES) | {slow: 0}:
                    return
    raise AssertionError(upto)


async def test_a_comparison_that_fails_keeps_nothing_from_the_index(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was noted is fed in the next pass, and the comparison waits for a later one."""

    async def fail(*_: object) -> tuple[list[str], str | None]:
        raise DatabaseUnreachable

    monkeypatch.setattr(chats.search.feeder, "list_chats_behind", fail)
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            for _ in range(MESSAGES):
                feeder.note([chat], 1)
            with pytest.raises(DatabaseUnreachable):
                await feeder.run()
            await feeder.run()
        fed = connection.execute("SELECT upto FROM search_progress WHERE chat = %s", (chat,))
        assert fed.fetchall() == [(MESSAGES,)]


async def test_a_chat_that_cannot_be_fed_takes_no_time_from_sends(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it has been missing from the index: the machine is at its limit, and feeding
    yields as if there were no such chat. The metric still includes it."""
    behind: list[float] = []

    def pause(_: Pace, __: float, ___: float, seconds: float) -> float:
        behind.append(seconds)
        return 0.0

    monkeypatch.setattr(Pace, "pause", pause)
    with psycopg.connect(database_url, autocommit=True) as connection:
        bad, good = make_chat(connection), make_chat(connection)
        connection.execute(
            "ALTER TABLE search_progress ADD CONSTRAINT good CHECK (chat <> "
            f"'{bad}' OR upto = 0) NOT VALID"
        )
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            feeder.note([bad], 1)
            with pytest.raises(psycopg.errors.CheckViolation):
                await feeder.run()
            await asyncio.sleep(0.5)
            behind.clear()
            began = monotonic()
            feeder.note([bad, good], 1)
            with pytest.raises(psycopg.errors.CheckViolation):
                await feeder.run()
            assert max(behind) <= monotonic() - began
            assert SEARCH_BEHIND_SECONDS._value.get() >= 0.5
            connection.execute("ALTER TABLE search_progress DROP CONSTRAINT good")
            await asyncio.sleep(0.5)
            feeder.note([bad, good], 1)
            await feeder.run()
            behind.clear()
            feeder.note([bad], 1)  # it counts again
            await asyncio.sleep(0.2)
            await feeder.run()
            assert max(behind) >= 0.2


def failures() -> float:
    return float(BACKGROUND_FAILED.labels("feed search")._value.get())


def make_chat(connection: psycopg.Connection, messages: int = MESSAGES) -> str:
    """Creates a chat with its messages; returns its id."""
    chat, sender = new_id(), new_id()
    connection.execute("INSERT INTO chats (id, name, owner) VALUES (%s, 'c', %s)", (chat, sender))
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY log (chat, seq, kind, sender, key, event) FROM STDIN") as rows,
    ):
        for seq in range(1, messages + 1):
            key = new_id()
            message = Message(
                chat=chat, by=sender, message_id=new_id(), message=f"number {seq}", client_id=key,
                seq=0, at="",
            )  # fmt: skip
            event = stamp(draft_event(message), seq, "2026-01-01T00:00:00.000000Z")
            rows.write_row((chat, seq, "message", sender, key, event))
    return chat


async def feed_all(database_url: str, chat: str) -> int:
    """Returns the number of failures, if a transaction may take half a second but takes twice as
    long."""
    failed, is_done = 0, False
    options = f"{PLAN_OPTIONS} -c transaction_timeout=500"
    async with (
        create_pool(database_url, size=1, min_size=1, options=options) as pool,
        asyncio.timeout(60),
    ):
        feeder = SearchFeeder(pool)
        for _ in range(MESSAGES):
            feeder.note([chat], 1)  # not a crowd, to which feeding would yield
        while not is_done:
            try:
                await feeder.run()
                is_done = True
            except DatabaseUnavailable:
                failed += 1
    return failed
