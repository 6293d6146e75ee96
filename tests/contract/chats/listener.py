"""What chats publishes on Valkey, as a node receives it, and what is not yet published."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import psycopg
import redis.asyncio as redis

from common.protocol.payload import Payload, unpack
from tests.contract.chats.conftest import Stage


class Listener:
    """Receives what is published on some topics."""

    def __init__(self, pubsub: "redis.client.PubSub") -> None:
        self._pubsub = pubsub

    async def next_data(self) -> bytes:
        async with asyncio.timeout(30):
            while True:
                message = await self._pubsub.get_message(timeout=1)
                if message is not None and message["type"] == "message":
                    data: bytes = message["data"]
                    return data

    async def next_payload(self) -> Payload:
        return unpack(await self.next_data())


@contextlib.asynccontextmanager
async def listening(url: str, *topics: str) -> AsyncIterator[Listener]:
    async with redis.Redis.from_url(url) as valkey, valkey.pubsub() as pubsub:
        await pubsub.subscribe(*topics)
        for _ in topics:
            assert await pubsub.get_message(timeout=30) is not None
        yield Listener(pubsub)


async def until_outbox_is_empty(stage: Stage) -> None:
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        async with asyncio.timeout(30):
            count = "SELECT count(*) FROM outbox"
            while connection.execute(count).fetchone() != (0,):  # noqa: ASYNC110 - polls a server
                await asyncio.sleep(0.02)
