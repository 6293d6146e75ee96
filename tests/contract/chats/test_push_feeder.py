"""Messages that cannot be offered to users."""

from typing import Any, cast

import msgspec
import psycopg
import pytest

import chats.push.feeder
from chats.push.feeder import PushFeeder
from chats.store.push import Found, Range, add_push_reader, find_messages_to_push
from chats.store.query import PLAN_OPTIONS
from common.calls.calls import Calls
from common.database.failures import DatabaseUnreachable
from common.database.pool import create_pool
from common.protocol.ids import new_id
from common.protocol.push import OfferPushes, PushesOffered


class Users:
    """Accepts every offer."""

    def __init__(self) -> None:
        self.chats: list[str] = []

    async def call(self, name: str, request: msgspec.Struct, answer: Any) -> PushesOffered:
        assert isinstance(request, OfferPushes)
        self.chats += [offer.chat for offer in request.offers]
        return PushesOffered(unknown=[])


@pytest.mark.parametrize("error", [DatabaseUnreachable, psycopg.errors.DataException])
async def test_a_chat_that_fails_keeps_no_other_from_being_offered(
    database_url: str, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Wherever it is in the order; it is retried until its messages are old."""
    noted = [new_id() for _ in range(5)]
    bad = noted[2]

    async def find_but_bad(pool: Any, ranges: list[Range]) -> Any:
        if any(one.chat == bad for one in ranges):
            raise error
        _, now = await find_messages_to_push(pool, ranges)
        return [Found("ann", one.chat, True, 1, 1, "ben", None, None) for one in ranges], now

    monkeypatch.setattr(chats.push.feeder, "find_messages_to_push", find_but_bad)
    users = Users()
    async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        await add_push_reader(pool, new_id())
        feeder = PushFeeder(pool, cast(Calls, users))
        for chat in noted:
            feeder.note(chat, 1, 1)
        for _ in range(3):
            with pytest.raises(error):
                await feeder.run()
    assert sorted(users.chats) == sorted(set(noted) - {bad})
