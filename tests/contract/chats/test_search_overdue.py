"""What a search has fed: the index may be minutes behind while feeding gives way."""

import asyncio

import psycopg
import pytest

import chats.search.feeder
from chats.search.feeder import SearchFeeder
from chats.store.query import PLAN_OPTIONS
from common.database.pool import create_pool
from common.protocol.ids import new_id
from tests.contract.chats.test_search_feeder import (
    A_FEW_PASSES,
    MESSAGES,
    SLOW_CHAT,
    make_chat,
    upto_of_chats,
)
from tests.fixtures.busy import bound


async def test_a_search_has_its_readers_chats_fed(database_url: str) -> None:
    """All of them, in several transactions, and no chat of others."""
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        made = [make_chat(connection) for _ in range(3)]
        join(connection, reader, *made[:2])
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            for _ in range(10):  # on a slow machine one search is not enough
                await feeder.feed_overdue(reader, None)
        assert upto_of_chats(connection) == dict.fromkeys(made[:2], MESSAGES)


async def test_a_search_in_one_chat_has_only_that_one_fed(database_url: str) -> None:
    """The reader's other chats wait for their turn."""
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        one, other = make_chat(connection), make_chat(connection)
        join(connection, reader, one, other)
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            for _ in range(10):
                await feeder.feed_overdue(reader, one)
        assert upto_of_chats(connection) == {one: MESSAGES}


async def test_a_search_leaves_new_messages_to_the_next_pass(database_url: str) -> None:
    """The index gets them within a second anyway, and more at once cost less each."""
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        chat = make_chat(connection)
        join(connection, reader, chat)
        connection.execute(
            "UPDATE log SET event ="
            " convert_to(replace(convert_from(event, 'UTF8'), '2026-01-01', '2999-01-01'), 'UTF8')"
        )
        async with create_pool(database_url, size=1, min_size=1) as pool:
            await SearchFeeder(pool).feed_overdue(reader, None)
        assert upto_of_chats(connection) == {}


async def test_a_chat_that_fails_keeps_no_search_from_the_others(database_url: str) -> None:
    """The pass over all chats reports it."""
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        bad, good = make_chat(connection, 3), make_chat(connection, 5)
        join(connection, reader, bad, good)
        connection.execute(
            "ALTER TABLE search_progress ADD CONSTRAINT good CHECK (chat <> "
            f"'{bad}' OR upto = 0) NOT VALID"
        )
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            for _ in range(4):
                await feeder.feed_overdue(reader, None)
        assert {chat: upto for chat, upto in upto_of_chats(connection).items() if upto} == {good: 5}


async def test_a_chat_that_takes_too_long_keeps_no_search_from_the_others(
    database_url: str,
) -> None:
    """Though a transaction with it failed: a later search has the others fed alone."""
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        slow, good = make_chat(connection, 3), make_chat(connection, 5)
        join(connection, reader, slow, good)
        connection.execute(SLOW_CHAT % slow)
        options = f"{PLAN_OPTIONS} -c transaction_timeout=300"
        async with create_pool(database_url, size=1, min_size=1, options=options) as pool:
            feeder = SearchFeeder(pool)
            for _ in range(A_FEW_PASSES):  # of the same user, one after the other
                await feeder.feed_overdue(reader, None)
                fed = upto_of_chats(connection)
                if {chat: upto for chat, upto in fed.items() if upto} == {good: 5}:
                    return
        raise AssertionError(fed)


async def test_a_search_does_not_wait_for_a_transaction_that_takes_long(database_url: str) -> None:
    """It takes a minute here; the search goes on after half a second."""
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        slow = make_chat(connection, 3)
        join(connection, reader, slow)
        connection.execute(SLOW_CHAT % slow)
        options = "-c statement_timeout=0 -c transaction_timeout=0"
        async with create_pool(database_url, size=1, min_size=1, options=options) as pool:
            feeder = SearchFeeder(pool)
            async with asyncio.timeout(bound(3.0, 30.0)):
                await feeder.feed_overdue(reader, None)
            await feeder.stop()


async def test_a_chat_with_many_messages_keeps_no_search_from_the_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second is not enough for all of them; what the index lacks little of comes first."""
    monkeypatch.setattr(chats.search.feeder, "_MOST_ROWS", 8)
    reader = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        flooded, quiet = make_chat(connection, 10_000), make_chat(connection, 3)
        join(connection, reader, flooded, quiet)
        async with create_pool(database_url, size=1, min_size=1) as pool:
            feeder = SearchFeeder(pool)
            for _ in range(int(bound(1, 50))):  # searches
                await feeder.feed_overdue(reader, None)
                if (fed := upto_of_chats(connection)).get(quiet):
                    break
            await feeder.stop()
    assert fed.get(quiet) == 3
    assert fed.get(flooded, 0) < 10_000


def join(connection: psycopg.Connection, reader: str, *joined: str) -> None:
    for chat in joined:
        connection.execute(
            "INSERT INTO participants (chat, member, position) VALUES (%s, %s, 1)", (chat, reader)
        )
