"""Buckets shared by processes, on a real Valkey that comes and goes."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing

import pytest
import pytest_asyncio
import redis

from common.protocol.ids import new_id
from common.valkey import shared_rates
from common.valkey.rates import SENDS, Rate, Verdict
from common.valkey.shared_rates import KNOWN_SECONDS, TELL_KNOWN_SECONDS, SharedBuckets
from common.valkey.valkey import Valkey
from tests.fixtures.servers import ValkeyServer

RATE = Rate(1 / 60, 10)
Make = Callable[[str], SharedBuckets]


@pytest_asyncio.fixture
async def make(topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """The buckets of another process on the Valkey at a URL. They wait for it, or a briefly busy
    machine would let each process count alone."""
    monkeypatch.setattr(shared_rates, "ANSWER_SECONDS", 30.0)
    with ExitStack() as stack:

        def connect(url: str) -> SharedBuckets:
            return SharedBuckets(stack.enter_context(closing(Valkey(url, topic_prefix))))

        yield connect


async def take_when_there_is_one(buckets: SharedBuckets, whom: str, rate: Rate) -> None:
    """Retries until a token is available."""
    async with asyncio.timeout(30):
        while not (await buckets.take("x", whom, rate)).allowed:  # noqa: ASYNC110 - waits
            await asyncio.sleep(0.01)


async def test_processes_share_a_bucket(make: Make, valkey_url: str) -> None:
    """Ten at once over two processes, and not one more, also in parallel."""
    processes, whom = [make(valkey_url), make(valkey_url)], new_id()
    takes = [processes[n % 2].take("x", whom, RATE) for n in range(30)]
    began = time.monotonic()
    verdicts = await asyncio.gather(*takes)
    took = time.monotonic() - began
    assert sum(verdict.allowed for verdict in verdicts) == 10
    refused = next(verdict for verdict in verdicts if not verdict.allowed)
    assert (refused.limit, refused.remaining) == (10, 0)
    assert math.ceil(60 - took) <= refused.retry_after <= 60


async def test_people_and_kinds_have_buckets_of_their_own(make: Make, valkey_url: str) -> None:
    """What one has used up is available to another."""
    buckets, whom = make(valkey_url), new_id()
    for _ in range(10):
        assert (await buckets.take("x", whom, RATE)).allowed
    assert not (await buckets.take("x", whom, RATE)).allowed
    assert (await buckets.take("y", whom, RATE)).allowed
    assert (await buckets.take("x", new_id(), RATE)).allowed


async def test_what_is_given_back_may_be_taken_anywhere(make: Make, valkey_url: str) -> None:
    """A token that one process returns can be taken by another."""
    one, other, whom = make(valkey_url), make(valkey_url), new_id()
    for _ in range(10):
        await one.take("x", whom, RATE)
    one.give_back("x", whom, RATE)
    await take_when_there_is_one(other, whom, RATE)


async def test_what_was_returned_is_there_for_all_at_once(
    make: Make, make_valkey: Callable[[], ValkeyServer]
) -> None:
    """And if Valkey hangs, for its own process."""
    server = make_valkey()
    one, other, whom = make(server.url), make(server.url), new_id()
    for _ in range(10):
        await one.take("x", whom, RATE)
    await one.give_back_everywhere("x", whom, RATE)
    assert [(await other.take("x", whom, RATE)).allowed for _ in range(2)] == [True, False]
    server.pause()
    await one.give_back_everywhere("x", whom, RATE)
    assert (await one.take("x", whom, RATE)).allowed
    server.go_on()


async def test_a_bucket_that_is_not_known_is_asked_for(make: Make, valkey_url: str) -> None:
    """If another process has emptied it, the first take here is refused, and the following ones at
    once."""
    one, other, whom = make(valkey_url), make(valkey_url), new_id()
    for _ in range(10):
        assert (await one.take("x", whom, RATE)).allowed
    assert other.take_at_once("x", whom, RATE) is None
    assert not (await other.take("x", whom, RATE)).allowed
    verdict = other.take_at_once("x", whom, RATE)
    assert verdict is not None
    assert not verdict.allowed


async def test_few_takes_are_given_at_once_until_valkey_has_counted_them(
    make: Make, valkey_url: str
) -> None:
    """So a process that knows a bucket grants at most a tenth of it too much: here one token."""
    one, other, whom = make(valkey_url), make(valkey_url), new_id()
    assert (await one.take("x", whom, RATE)).allowed
    for _ in range(9):
        assert (await other.take("x", whom, RATE)).allowed
    at_once = one.take_at_once("x", whom, RATE)
    assert at_once is not None
    assert at_once.allowed
    assert one.take_at_once("x", whom, RATE) is None
    verdicts = await asyncio.gather(*(one.take("x", whom, RATE) for _ in range(20)))
    assert not any(verdict.allowed for verdict in verdicts)
    assert one.take_at_once("x", new_id(), RATE) is None


async def test_what_was_given_at_once_is_counted_soon(make: Make, valkey_url: str) -> None:
    """All of it is reported to Valkey, without another take."""
    one, other, whom, rate = make(valkey_url), make(valkey_url), new_id(), Rate(1 / 3600, 100)
    assert (await one.take("x", whom, rate)).allowed
    for _ in range(5):
        assert one.take_at_once("x", whom, rate) is not None
    taken = 1
    async with asyncio.timeout(30):
        while (await other.take("x", whom, rate)).remaining != 100 - 6 - taken:
            taken += 1
            await asyncio.sleep(0.05)


async def test_a_bucket_that_is_used_all_the_time_is_reported_twice_a_second_at_most(
    make: Make, make_valkey: Callable[[], ValkeyServer]
) -> None:
    """And is known all the time, so that hardly any take is asked for."""
    server, crowd, rate = make_valkey(), [new_id() for _ in range(20)], Rate(1_000, 10_000)
    buckets, asked, started, stood_still = make(server.url), 0, time.monotonic(), 0
    turns = 0
    while (elapsed := time.monotonic() - started) < 2 or turns < 100:
        began, turns = time.monotonic(), turns + 1
        for whom in crowd:
            if buckets.take_at_once("x", whom, rate) is None:
                await buckets.take("x", whom, rate)
                asked += 1
        await asyncio.sleep(0.01)
        stood_still += time.monotonic() - began > KNOWN_SECONDS / 4
    # The first ones, and what a machine that stands still forgets.
    assert asked <= (2 + stood_still) * len(crowd)
    reports = _count_calls(server) - asked
    assert 0 < reports <= len(crowd) * (1 + elapsed / TELL_KNOWN_SECONDS[0])


async def test_somebody_who_sends_all_the_time_does_not_wait(make: Make, valkey_url: str) -> None:
    """At the rate that flows back, what may be given out unreported is never used up."""
    buckets, whom, asked, stood_still = make(valkey_url), new_id(), 0, 0
    for _ in range(20):
        began = time.monotonic()
        if buckets.take_at_once("x", whom, SENDS) is None:
            await buckets.take("x", whom, SENDS)
            asked += 1
        await asyncio.sleep(1 / SENDS.per_second)
        stood_still += time.monotonic() - began > KNOWN_SECONDS / 2
    assert asked <= 2 + stood_still  # a machine that stands still forgets Valkey's count


async def test_what_is_given_back_everywhere_follows_what_was_given_out(
    make: Make, valkey_url: str
) -> None:
    """Valkey counts both: a full bucket would drop a token that comes back before it is taken."""
    buckets, whom, rate = make(valkey_url), new_id(), Rate(1 / 60, 100)
    await buckets.take("x", whom, rate)
    assert buckets.take_at_once("x", whom, rate) is not None
    await buckets.give_back_everywhere("x", whom, rate)
    await buckets.give_back_everywhere("x", whom, rate)
    assert (await buckets.take("x", whom, rate)).remaining == 99


def _count_calls(server: ValkeyServer) -> int:
    """Of scripts, since it started."""
    with closing(redis.Redis.from_url(server.url)) as client:
        statistics = client.info("commandstats")
    return sum(statistics[f"cmdstat_{name}"]["calls"] for name in ("eval", "evalsha"))


async def test_takes_of_a_bucket_keep_their_order(make: Make, valkey_url: str) -> None:
    """Whether they are granted at once or by Valkey, and whether one of them fails."""
    buckets, whom, order = make(valkey_url), new_id(), list[int]()

    def take(number: int) -> None:
        if buckets.take_at_once("x", whom, RATE) is not None:
            order.append(number)
        else:
            buckets.ask("x", whom, RATE, lambda _: order.append(number))

    def fail(_: Verdict) -> None:
        raise ZeroDivisionError

    for number in range(0, 10, 2):
        take(number)
        take(number + 1)
        await asyncio.sleep(0.001)
    buckets.ask("x", whom, RATE, fail)
    await buckets.take("x", whom, RATE)
    assert order == list(range(10))


async def test_what_was_heard_long_ago_is_asked_for_again(make: Make, valkey_url: str) -> None:
    """A second later another process may have taken what was left."""
    now = 100.0
    with closing(Valkey(valkey_url, f"{new_id()}:")) as valkey:
        buckets = SharedBuckets(valkey, clock=lambda: now)
        await buckets.take("x", "ann", RATE)
        await buckets.take("x", "ben", RATE)
        assert buckets.take_at_once("x", "ann", RATE) is not None
        now += 1
        assert buckets.take_at_once("x", "ben", RATE) is None


async def test_one_is_given_at_once_where_a_bucket_has_filled_up_since(
    make: Make, valkey_url: str
) -> None:
    """By this process's count, once, and as long as it remembers the bucket."""
    now = 100.0
    with closing(Valkey(valkey_url, f"{new_id()}:")) as valkey:
        buckets = SharedBuckets(valkey, clock=lambda: now)
        await buckets.take("x", "ann", RATE)
        await buckets.take("x", "ben", RATE)
        now += 59
        assert buckets.take_at_once("x", "ann", RATE) is None
        now += 2
        assert buckets.take_at_once("x", "ann", RATE) is not None
        assert buckets.take_at_once("x", "ann", RATE) is None
        now += shared_rates.REMEMBERED_SECONDS
        assert buckets.take_at_once("x", "ben", RATE) is None
        await buckets.take("x", "cem", RATE)
        assert buckets.take_at_once("x", "ben", RATE) is None


async def test_the_number_of_remembered_buckets_is_bounded(
    make: Make, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest entries are dropped, once their buckets are full."""
    monkeypatch.setattr(shared_rates, "MAX_REMEMBERED", 2)
    now = 100.0
    with closing(Valkey(valkey_url, f"{new_id()}:")) as valkey:
        buckets = SharedBuckets(valkey, clock=lambda: now)
        for whom in ("ann", "ben", "cem"):
            await buckets.take("x", whom, RATE)
        now += 61
        await buckets.take("x", "dan", RATE)
        assert buckets.take_at_once("x", "ann", RATE) is None
        assert buckets.take_at_once("x", "ben", RATE) is None
        verdict = buckets.take_at_once("x", "cem", RATE)
    assert verdict is not None
    assert verdict.remaining == 10 - 1  # a minute has passed by the process's own clock


async def test_one_too_much_is_paid_back(make: Make, valkey_url: str, topic_prefix: str) -> None:
    """Another process has emptied the bucket: what was granted beyond it is refilled first."""
    now, other, whom = 100.0, make(valkey_url), new_id()
    with closing(Valkey(valkey_url, topic_prefix)) as valkey:
        one = SharedBuckets(valkey, clock=lambda: now)
        assert (await one.take("x", whom, RATE)).allowed
        for _ in range(9):
            assert (await other.take("x", whom, RATE)).allowed
        now += 61
        assert one.take_at_once("x", whom, RATE) is not None
        refused = await one.take("x", whom, RATE)
    assert not refused.allowed
    assert 600 < refused.reset <= 660


async def test_tokens_flow_back_in_valkey_too(make: Make, valkey_url: str) -> None:
    """A bucket of twenty a second grants the first one at once and six more in 0.3 s."""
    buckets, whom, rate = make(valkey_url), new_id(), Rate(20, 1)
    started = time.monotonic()
    for _ in range(7):
        await take_when_there_is_one(buckets, whom, rate)
    assert time.monotonic() - started > 0.29


async def test_a_clock_that_is_set_back_empties_no_bucket_for_long(
    make: Make, valkey_url: str, topic_prefix: str
) -> None:
    """Valkey's clock was an hour ahead when the bucket was emptied: the next token is not an hour
    away, but at most twice the time in which a bucket fills."""
    buckets, whom, rate = make(valkey_url), new_id(), Rate(100, 10)
    with closing(Valkey(valkey_url, topic_prefix)) as valkey:
        ahead = str(int((time.time() + 3600) * 1e6)).encode()
        assert await valkey.keep(valkey.topics.bucket("x", whom), ahead, seconds=60)
    assert not (await buckets.take("x", whom, rate)).allowed
    await take_when_there_is_one(buckets, whom, rate)


async def test_without_valkey_each_process_limits_alone(
    make: Make, make_valkey: Callable[[], ValkeyServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One take waits for a hung Valkey and those after it do not, and the limit still applies."""
    server = make_valkey()
    buckets, whom = make(server.url), new_id()
    for _ in range(4):
        assert (await buckets.take("x", whom, RATE)).allowed
    monkeypatch.setattr(shared_rates, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(shared_rates, "LEAVE_ALONE_SECONDS", 3600.0)
    server.pause()
    verdicts = [await buckets.take("x", whom, RATE)]
    monkeypatch.setattr(shared_rates, "ANSWER_SECONDS", 3600.0)
    verdicts += [await buckets.take("x", whom, RATE) for _ in range(9)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 6 + [False] * 4
    server.go_on()
    server.kill()
    assert not (await buckets.take("x", whom, RATE)).allowed


async def test_what_was_counted_alone_is_counted_for_all(
    make: Make,
    make_valkey: Callable[[], ValkeyServer],
    monkeypatch: pytest.MonkeyPatch,
    topic_prefix: str,
) -> None:
    """A Valkey that hung for a moment does not grant the same tokens again."""
    server, whom, now = make_valkey(), new_id(), 100.0
    other = make(server.url)
    with closing(Valkey(server.url, topic_prefix)) as valkey:
        buckets = SharedBuckets(valkey, clock=lambda: now)
        for _ in range(4):
            assert (await buckets.take("x", whom, RATE)).allowed
        monkeypatch.setattr(shared_rates, "ANSWER_SECONDS", 0.05)
        server.pause()
        for _ in range(5):
            assert (await buckets.take("x", whom, RATE)).allowed
        buckets.give_back("x", whom, RATE)
        server.go_on()
        monkeypatch.setattr(shared_rates, "ANSWER_SECONDS", 30.0)
        now += shared_rates.LEAVE_ALONE_SECONDS
        assert buckets.take_at_once("x", whom, RATE) is None
        verdicts = [await buckets.take("x", whom, RATE) for _ in range(4)]
        verdicts.append(await other.take("x", whom, RATE))
    assert [verdict.allowed for verdict in verdicts] == [True] * 2 + [False] * 3
