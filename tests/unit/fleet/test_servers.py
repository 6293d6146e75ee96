"""The servers that the fleet starts, and the databases in them."""

from collections.abc import Callable

import psycopg
import redis

from tests.fixtures.servers import PostgresServer, ValkeyServer


def test_postgres_keeps_committed_rows_when_it_is_killed(
    make_postgres: Callable[[], PostgresServer],
) -> None:
    """A committed row is there after kill -9 of the server and its next start."""
    server = make_postgres()
    url = server.make_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()
    server.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_postgres_can_prepare_transactions(database_url: str) -> None:
    """The server allows two-phase commit for 200 transactions at a time."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW max_prepared_transactions").fetchone() == ("200",)


def test_valkey_keeps_nothing(make_valkey: Callable[[], ValkeyServer]) -> None:
    """Valkey is empty after a restart."""
    server = make_valkey()
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.stop()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("key") is None
