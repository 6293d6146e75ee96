"""The bus on a Valkey cluster whose slots move and whose servers die: what is published is
received, or the bus reports a possible gap, and nothing is received twice.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
import uvloop

from common.valkey.cluster import Place, SlotMap, is_sharded, read_slots, slot_of
from common.valkey.rates import Rate
from common.valkey.shared_rates import SharedBuckets
from common.valkey.valkey import Valkey
from tests.fixtures.cluster import ValkeyCluster

CHATS: Final = 40
PUBLISH_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 60.0  # for a busy machine
Make = Callable[..., ValkeyCluster]


def test_slots_are_those_that_the_cluster_computes() -> None:
    """The tag decides if there is one; 12739 is from the specification."""
    assert slot_of("123456789") == 12739
    assert slot_of("test:{p17}chat:one") == slot_of("{p17}typing:other") == slot_of("p17")
    assert slot_of("{}x") == slot_of("{}x") != slot_of("x")
    assert is_sharded("test:{p17}chat:one")
    assert not is_sharded("digest")


def test_a_server_that_does_not_know_its_name_is_where_it_was_asked() -> None:
    """This is the case until it has met another one."""
    here = Place("one.example", 7000)
    slots = read_slots([[0, 9, [b"", 7000, b"id", []], [b"10.0.0.2", 7001, b"id2", []]]], here)
    assert slots.members(5) == (here, Place("10.0.0.2", 7001))
    assert slots.members(10) == ()
    assert SlotMap().shards == []


class Hearing:
    """Keeps publishing numbers to chats, and records which are received.

    `lost` are numbers that were missing although the bus was up throughout; `late` came after newer
    ones.
    """

    def __init__(self, url: str) -> None:
        self.ears, self.mouth = Valkey(url, "test:"), Valkey(url, "test:")
        self.topics = [self.ears.topics.chat(f"chat-{number}") for number in range(CHATS)]
        self.topics.append(self.ears.topics.digest)
        self._heard: dict[str, int] = {}
        self._all: set[tuple[str, int]] = set()
        self._may_miss: set[str] = set()
        self.doubled: list[tuple[str, int]] = []
        self.lost: list[tuple[str, int, int]] = []
        self.late: list[tuple[str, int]] = []
        self.changes: list[tuple[bool, str]] = []
        self.since_fault: dict[str, float] = {}
        self.failed = 0

    def receive(self, messages: list[list[bytes]]) -> None:
        for _, name, payload in messages:
            topic, number = name.decode(), int(payload)
            before = self._heard.get(topic, 0)
            if number <= before:
                kind = self.doubled if (topic, number) in self._all else self.late
                kind.append((topic, number))
                continue
            self._all.add((topic, number))
            if number > before + 1 and topic not in self._may_miss:
                self.lost.append((topic, before, number))
            self._may_miss.discard(topic)
            self._heard[topic] = number
            self.since_fault.setdefault(topic, time.monotonic())

    def change(self, is_up: bool, reason: str) -> None:
        self.changes.append((is_up, reason))
        self._may_miss.update(self.topics)

    async def publish(self) -> None:
        """Publishes one to each per turn; failures are published again, like by the outbox."""
        number = dict.fromkeys(self.topics, 1)
        while True:
            for topic in self.topics:
                if await self.mouth.publish([(topic, b"%d" % number[topic])]) is None:
                    self.failed += 1
                    # It may have been published: a repeat would look like a duplicate here.
                    self._may_miss.add(topic)
                number[topic] += 1
            await asyncio.sleep(PUBLISH_SECONDS)

    async def until_all_are_heard(self) -> float:
        """Starting now; returns the longest time it took."""
        self.since_fault.clear()
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.since_fault) < len(self.topics) or not self.ears.bus.is_up:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return max(self.since_fault.values()) - began


@contextlib.asynccontextmanager
async def hearing(url: str) -> AsyncIterator[Hearing]:
    """Starts once everything is received."""
    one = Hearing(url)
    for topic in one.topics:
        one.ears.bus.subscribe(topic)
    running = [
        asyncio.create_task(one.ears.bus.run(one.receive, one.change)),
        asyncio.create_task(one.publish()),
    ]
    try:
        await one.until_all_are_heard()
        yield one
        await one.until_all_are_heard()
        assert not one.lost, one.lost[:5]
        assert not one.doubled, one.doubled[:5]
        # What a server accepted but did not answer in time may come after what went elsewhere.
        assert one.failed or not one.late, one.late[:5]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        one.ears.close()
        one.mouth.close()


def on_a_loop(work: Callable[[], Awaitable[None]]) -> None:
    """The event loop that services run on."""

    async def run() -> None:
        await work()

    uvloop.run(run())


def test_a_slot_moves(make_cluster: Make) -> None:
    """Its topics are received from the new server, and subscribers are told of a possible gap."""
    cluster = make_cluster()

    async def work() -> None:
        async with hearing(cluster.url) as one:
            known = len(one.changes)
            before = await asyncio.to_thread(cluster.primary_of, one.topics[0])
            target = await asyncio.to_thread(cluster.move_slot, one.topics[0])
            assert target is not before
            seconds = await one.until_all_are_heard()
            assert False in [is_up for is_up, _ in one.changes[known:]], "nobody was told"
            print(f"a slot moved: {seconds:.2f} s, {one.failed} not published")

    on_a_loop(work)


def test_a_replica_takes_over_in_order(make_cluster: Make) -> None:
    """As in an upgrade of Valkey."""
    cluster = make_cluster()

    async def work() -> None:
        async with hearing(cluster.url) as one:
            primary = await asyncio.to_thread(cluster.primary_of, one.topics[0])
            replica = await asyncio.to_thread(cluster.replica_of, primary)
            known = len(one.changes)
            await asyncio.to_thread(replica.tell, "CLUSTER", "FAILOVER")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(one.changes) < known + 2:  # noqa: ASYNC110 - no event to wait for
                    await asyncio.sleep(0.01)
            seconds = await one.until_all_are_heard()
            print(f"failed over: {seconds:.2f} s, {one.failed} not published")

    on_a_loop(work)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_primary_dies(how: str, make_cluster: Make) -> None:
    """Its replica is used at once; nobody waits until the cluster notices."""
    cluster = make_cluster()

    async def work() -> None:
        async with hearing(cluster.url) as one:
            primary = await asyncio.to_thread(cluster.primary_of, one.topics[0])
            replica = await asyncio.to_thread(cluster.replica_of, primary)
            if how == "killed":
                await asyncio.to_thread(primary.kill)
            else:
                primary.pause()
            seconds = await one.until_all_are_heard()
            print(f"primary {how}: {seconds:.2f} s, {one.failed} not published, {one.changes}")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await asyncio.to_thread(lambda: replica.is_primary):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await one.until_all_are_heard()
            if how == "killed":
                await asyncio.to_thread(primary.start)
            else:  # and now says what it was told before it stopped
                primary.go_on()
                await asyncio.to_thread(cluster.until_well)
                one.late.clear()

    on_a_loop(work)


def test_leases_buckets_and_values_are_kept_where_their_slots_are(make_cluster: Make) -> None:
    """Also right after a slot has moved, when the first answer is a redirect."""
    cluster = make_cluster()

    async def work() -> None:
        valkey = Valkey(cluster.url, "test:")
        buckets = SharedBuckets(valkey)
        try:
            for number in range(20):
                assert await valkey.renew_lease(f"role-{number}", "here:1", 60_000)
                assert await valkey.list_leases(f"role-{number}") == ["here:1"]
            verdicts = await asyncio.gather(
                *(buckets.take("send", f"user-{number}", Rate(1, 3)) for number in range(50))
            )
            assert {verdict.remaining for verdict in verdicts} == {2}
            name = valkey.topics.familiar("ann", "home")
            assert await valkey.keep(name, b"yes", seconds=60)
            await asyncio.to_thread(cluster.move_slot, name)
            assert await valkey.get(name) == b"yes"
            hashes = [valkey.topics.presence_of(f"node-{number}") for number in range(5)]
            for key in hashes:
                assert await valkey.keep_fields(key, {"ann": "here"}, [], seconds=60)
            assert await valkey.get_fields(hashes, ["ann"]) == [[b"here"]] * 5
        finally:
            valkey.close()

    on_a_loop(work)
