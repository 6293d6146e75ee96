"""Links that cannot be stored."""

from typing import Any, cast

import msgspec
import psycopg
import pytest

from chats.links.feeder import LinkFeeder
from chats.store.query import PLAN_OPTIONS
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool, create_pool
from common.protocol.ids import new_id


def event(text: str, **changes: Any) -> bytes:
    """The event of a message with this text."""
    fields = {"type": "message", "seq": 1, "by": new_id(), "messageId": new_id(), "message": text}
    return msgspec.json.encode({**fields, **changes})


async def test_an_event_that_fails_keeps_no_other_from_its_preview(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither one that cannot be decoded nor one that the database refuses; a log line reports
    it."""
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        feeder = LinkFeeder(pool)
        feeder.note(new_id(), [event("https://a.org")])
        feeder.note(new_id(), [event("https://b.org", by="nobody")])
        feeder.note(new_id(), [event("https://c.org", seq="one")])
        feeder.note(new_id(), [event("https://d.org")])
        await feeder.run()
        await feeder.run()
    assert urls_kept(database_url) == [["https://a.org"], ["https://d.org"]]
    assert caplog.messages.count("links left out") == 1


async def test_links_wait_for_a_database_that_is_unavailable(database_url: str) -> None:
    """They are stored as soon as it is available."""
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        feeder = LinkFeeder(cast(Pool, _Unavailable(pool)))
        feeder.note(new_id(), [event("https://a.org"), event("https://b.org", seq=2)])
        with pytest.raises(DatabaseUnavailable):
            await feeder.run()
        await feeder.run()
    assert urls_kept(database_url) == [["https://a.org"], ["https://b.org"]]


async def test_links_of_a_message_that_is_deleted_already_are_not_kept(database_url: str) -> None:
    """Deleted before the feeder looked at it: nobody is to fetch them any more."""
    chat = new_id()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO changed_messages (chat, seq, is_deleted)"
            " VALUES (%(chat)s, 1, true), (%(chat)s, 2, false)",
            {"chat": chat},
        )
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        feeder = LinkFeeder(pool)
        feeder.note(chat, [event(f"https://{seq}.org", seq=seq) for seq in (1, 2, 3)])
        await feeder.run()
    assert urls_kept(database_url) == [["https://2.org"], ["https://3.org"]]


class _Unavailable:
    """Unavailable only at first."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._is_there = False

    def connection(self) -> Any:
        if self._is_there:
            return self._pool.connection()
        self._is_there = True
        raise DatabaseUnavailable


def urls_kept(database_url: str) -> list[list[str]]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT urls FROM links_to_preview ORDER BY urls").fetchall()
    return [urls for (urls,) in rows]
