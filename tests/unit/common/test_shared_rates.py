"""Buckets that processes share, on a real Valkey that comes and goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing

import pytest_asyncio

from common.protocol.ids import new_id
from common.valkey.pipeline import ValkeyPipeline
from common.valkey.rates import Rate
from common.valkey.shared_rates import SharedBuckets
from common.valkey.topics import Topics
from tests.fixtures.servers import ValkeyServer

RATE = Rate(1 / 60, 10)
Make = Callable[[str], SharedBuckets]


@pytest_asyncio.fixture
async def make(topic_prefix: str) -> AsyncIterator[Make]:
    """The buckets of one more process on the Valkey at a URL."""
    with ExitStack() as stack:

        def connect(url: str) -> SharedBuckets:
            line = stack.enter_context(closing(ValkeyPipeline(url)))
            return SharedBuckets(line, Topics(topic_prefix))

        yield connect


async def take_when_there_is_one(buckets: SharedBuckets, whom: str, rate: Rate) -> None:
    """Asks again and again, for two seconds."""
    async with asyncio.timeout(2):
        while not (await buckets.take("x", whom, rate)).allowed:  # noqa: ASYNC110 - a clock's work
            await asyncio.sleep(0.01)


async def test_processes_share_a_bucket(make: Make, valkey_url: str) -> None:
    """Ten at once over two processes, and not one more, in parallel too."""
    processes, whom = [make(valkey_url), make(valkey_url)], new_id()
    takes = [processes[n % 2].take("x", whom, RATE) for n in range(30)]
    verdicts = await asyncio.gather(*takes)
    assert sum(verdict.allowed for verdict in verdicts) == 10
    refused = next(verdict for verdict in verdicts if not verdict.allowed)
    assert (refused.limit, refused.remaining, refused.retry_after) == (10, 0, 60)


async def test_people_and_kinds_have_buckets_of_their_own(make: Make, valkey_url: str) -> None:
    """What one has used up another has not."""
    buckets, whom = make(valkey_url), new_id()
    for _ in range(10):
        assert (await buckets.take("x", whom, RATE)).allowed
    assert not (await buckets.take("x", whom, RATE)).allowed
    assert (await buckets.take("y", whom, RATE)).allowed
    assert (await buckets.take("x", new_id(), RATE)).allowed


async def test_what_is_given_back_may_be_taken_anywhere(make: Make, valkey_url: str) -> None:
    """A token that one process gives back another one takes."""
    one, other, whom = make(valkey_url), make(valkey_url), new_id()
    for _ in range(10):
        await one.take("x", whom, RATE)
    one.give_back("x", whom, RATE)
    await take_when_there_is_one(other, whom, RATE)


async def test_what_is_taken_at_once_is_owed(make: Make, valkey_url: str) -> None:
    """Takes that wait for nobody are told, and soon refuse at every process."""
    one, other, whom = make(valkey_url), make(valkey_url), new_id()
    taken = [one.take_at_once("x", whom, RATE).allowed for _ in range(12)]
    assert taken == [True] * 10 + [False] * 2
    await one.take("x", whom, RATE)  # in the same batch, or after it
    assert not (await other.take("x", whom, RATE)).allowed
    assert not other.take_at_once("x", whom, RATE).allowed


async def test_tokens_flow_back_in_valkey_too(make: Make, valkey_url: str) -> None:
    """A bucket of ten a second gives another one after a tenth of a second."""
    buckets, whom, rate = make(valkey_url), new_id(), Rate(10, 1)
    assert (await buckets.take("x", whom, rate)).allowed
    assert not (await buckets.take("x", whom, rate)).allowed
    started = time.monotonic()
    await take_when_there_is_one(buckets, whom, rate)
    assert time.monotonic() - started > 0.05


async def test_without_valkey_each_process_limits_alone(
    make: Make, make_valkey: Callable[[], ValkeyServer]
) -> None:
    """Nobody waits longer than a moment for a dead or hung Valkey, and the limit still holds."""
    server = make_valkey()
    buckets, whom = make(server.url), new_id()
    for _ in range(4):
        assert (await buckets.take("x", whom, RATE)).allowed
    server.pause()
    started = time.monotonic()
    verdicts = [await buckets.take("x", whom, RATE) for _ in range(10)]
    assert time.monotonic() - started < 0.5
    assert [verdict.allowed for verdict in verdicts] == [True] * 6 + [False] * 4
    server.go_on()
    server.kill()
    assert not (await buckets.take("x", whom, RATE)).allowed
