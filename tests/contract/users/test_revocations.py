"""The revocation log: consecutive numbers in commit order, and a wake-up via Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import redis.asyncio as redis

from common.database.pool import Pool
from common.protocol.errors import Refusal
from common.protocol.users import Revocations, RevocationsRequest
from users.store.upkeep import purge_stale_rows


@pytest.fixture
async def revoked_topic(valkey_url: str, topic_prefix: str) -> AsyncIterator[Any]:
    async with redis.Redis.from_url(valkey_url) as valkey, valkey.pubsub() as pubsub:
        await pubsub.subscribe(f"{topic_prefix}revoked")
        await pubsub.get_message(timeout=30)
        yield pubsub


async def test_numbers_are_dense_and_in_commit_order(
    start_replica: Callable[..., Awaitable[Any]],
) -> None:
    """A client that polls misses none of forty sessions that end in parallel on two replicas."""
    replicas = [await start_replica(), await start_replica()]
    people = [await replicas[0].sign_up(f"user-{n}") for n in range(40)]
    seen: list[str] = []
    numbers = 0

    async def poll() -> None:
        nonlocal numbers
        answer = await replicas[0].call(
            "revocations", RevocationsRequest(after=numbers), Revocations
        )
        assert len(answer.sessions) == answer.last - numbers
        numbers = answer.last
        seen.extend(answer.sessions)

    async def end(replica: Any, person: Any) -> None:
        """Retries if the machine is too busy."""
        while True:
            try:
                await replica.log_out(person)
                return
            except Refusal as refusal:
                if refusal.code != "unavailable":
                    raise

    ends = asyncio.gather(*(end(replicas[n % 2], p) for n, p in enumerate(people)))
    while not ends.done():
        await poll()
    await ends
    await poll()
    assert numbers == 40
    assert sorted(seen) == sorted(person.session for person in people)


async def test_revocation_wakes_those_who_poll(users: Any, revoked_topic: Any) -> None:
    """A notice is published on the bus after the commit."""
    await users.log_out(await users.sign_up("Ann"))
    assert await revoked_topic.get_message(ignore_subscribe_messages=True, timeout=30)


async def test_log_out_works_without_valkey(
    start_replica: Callable[..., Awaitable[Any]], settings: Any
) -> None:
    """The log is the source of truth; the notice is only faster."""
    service = msgspec.structs.replace(settings.service, valkey_url="redis://127.0.0.1:8399")
    users = await start_replica(service=service)
    ann = await users.sign_up("Ann")
    await users.log_out(ann)
    answer = await users.call("revocations", RevocationsRequest(after=0), Revocations)
    assert answer.sessions == [ann.session]


async def test_entries_are_kept_until_every_access_token_is_dead(users: Any, pool: Pool) -> None:
    """An entry is deleted after 20 minutes, and the numbers continue."""
    old, young = await users.sign_up("Ann"), await users.sign_up("Bob")
    await users.log_out(old)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE revocations SET revoked_at = now() - interval '21 minutes'"
        )
    await users.log_out(young)
    await purge_stale_rows(pool, rows=100)
    answer = await users.call("revocations", RevocationsRequest(after=0), Revocations)
    assert answer == Revocations(sessions=[young.session], last=2)
