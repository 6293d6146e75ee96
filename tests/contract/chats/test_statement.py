"""A statement that is written to libpq, beside cursors of psycopg on the same connection."""

import psycopg
import pytest

from chats.store.statement import Statement
from common.database.pool import Pool, create_pool

TWICE = Statement(b"twice", b"SELECT 2 * $1::int4, $1")


async def test_it_goes_on_where_psycopg_deallocates_everything(database_url: str) -> None:
    """Which it does with its next statement after a rollback, as one of a prepared transaction."""
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
    """The error is PostgreSQL's own."""
    async with create_pool(database_url, size=1) as pool:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            await TWICE.fetch(pool, [b"x"])
        assert await TWICE.fetch(pool, [None]) == [(None, None)]


async def list_prepared(pool: Pool) -> list[str]:
    async with pool.connection() as connection:
        question = "SELECT name FROM pg_prepared_statements WHERE name = 'twice'"
        return [name for (name,) in await (await connection.execute(question)).fetchall()]
