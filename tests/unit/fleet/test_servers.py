"""The servers that the fleet starts, and the databases in them."""

import asyncio
import signal
import time
from collections.abc import Callable

import psycopg
import pytest
import redis

from fleet.engines.postgres import accepts_connections, is_up_or_recovers
from tests.fixtures.servers import TESTER, PostgresServer, ValkeyServer


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


def test_postgres_that_recovers_is_live_and_not_ready(
    make_postgres: Callable[[], PostgresServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery after a crash may take minutes; here it does not end."""
    server = make_postgres()
    server.stop()
    (server.cluster / "standby.signal").touch()
    with (server.cluster / "postgresql.conf").open("a") as settings:
        settings.write("hot_standby = off\n")
    monkeypatch.setattr(
        server, "_is_up", lambda: asyncio.run(is_up_or_recovers(server.port, TESTER.name))
    )
    server.start()
    assert not asyncio.run(accepts_connections(server.port, TESTER.name))


def test_postgres_that_waits_for_its_sessions_to_end_is_not_live(
    make_postgres: Callable[[], PostgresServer],
) -> None:
    """It was told to, and lets nobody in any more."""
    server = make_postgres()
    assert asyncio.run(is_up_or_recovers(server.port, TESTER.name))
    with psycopg.connect(server.make_database()):
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while asyncio.run(is_up_or_recovers(server.port, TESTER.name)):
            assert time.monotonic() < deadline
            time.sleep(0.01)


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
