"""Valkey is lost, comes back empty, hangs, loses messages and is cut off: clients get everything,
and in time."""

import asyncio
import random
from collections.abc import Callable

import pytest
import redis

from tests.faults.conftest import Engines, host_and_port
from tests.faults.storm import Scene, ride_out
from tests.fixtures.busy import bound
from tests.fixtures.history import Got, History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.lossy_bus import LossyBus
from tests.fixtures.proxy import Mode
from tests.fixtures.servers import ValkeyServer

DELIVERED_WITHOUT_VALKEY_SECONDS = 2.0
MOST_LATE = bound(0.05, 0.3)  # as a share: half of them if one of two nodes does not poll
INVARIANTS = "I1 to I9, I16"
OVERFLOWING_BYTES = 4000  # of a text: a few published together overflow the buffer


def _slow_share(history: History, what: str) -> float:
    """The share of deliveries that took longer than promised, among sends during the fault; its
    first second, in which it is noticed, does not count. A few are late if the machine is busy; all
    are late if nothing polls."""
    (fault,) = [fault for fault in history.faults if fault.what == what]
    started = {(sent.chat, sent.seq): sent.started for sent in history.sends if sent.ended}
    took = [
        record.time - begun
        for record in history.records
        if isinstance(record, Got)
        for begun in [started.get((record.event["chat"], record.event["seq"]), 0.0)]
        if fault.time + 1 < begun < fault.over - 2
    ]
    return sum(seconds > DELIVERED_WITHOUT_VALKEY_SECONDS for seconds in took) / len(took)


async def test_valkey_is_gone_for_a_while(
    proxied_system: Hubbub, engines: Engines, seed: int
) -> None:
    """Reads, sends, connects and delivery within 2 s continue for as long as it is gone."""

    async def inject(scene: Scene) -> None:
        with scene.fault("Valkey gone"):
            engines.valkey.kill()
            await engines.valkey_proxy.turn("refuse")
            await asyncio.sleep(6)
            await scene.crowd.devices[0].drop()  # connects continue, too
            await asyncio.sleep(6)
            await asyncio.to_thread(engines.valkey.start)
            await engines.valkey_proxy.turn("pass")
        await asyncio.sleep(3)

    history = await ride_out(
        proxied_system, inject, fault="5 Valkey gone for 12 s, back empty",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip
    assert _slow_share(history, "Valkey gone") < MOST_LATE


@pytest.mark.long
async def test_valkey_is_gone_for_a_minute(
    proxied_system: Hubbub, engines: Engines, seed: int
) -> None:
    """As before, beyond every lease and timeout."""

    async def inject(scene: Scene) -> None:
        with scene.fault("Valkey gone"):
            await engines.valkey_proxy.turn("refuse")
            await asyncio.sleep(60)
            await engines.valkey_proxy.turn("pass")
        await asyncio.sleep(3)

    history = await ride_out(
        proxied_system, inject, fault="5 Valkey gone for 60 s", invariants=INVARIANTS, seed=seed
    )
    assert _slow_share(history, "Valkey gone") < 0.05


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "seconds", "times"),
    [("refuse", 1.0, 4), ("stall", 8.0, 1), ("half open", 8.0, 1)],
)
async def test_the_way_to_valkey_is_cut_or_hangs(
    mode: Mode,
    seconds: float,
    times: int,
    proxied_system: Hubbub,
    engines: Engines,
    seed: int,
) -> None:
    """A bus that carries nothing is noticed, and replaced by polling until it carries again."""

    async def inject(scene: Scene) -> None:
        for _ in range(times):
            with scene.fault(f"Valkey: {mode}"):
                await engines.valkey_proxy.turn(mode)
                await asyncio.sleep(seconds)
                await engines.valkey_proxy.turn("pass")
            await asyncio.sleep(2)

    await ride_out(
        proxied_system, inject, fault=f"6 way to Valkey: {mode} for {seconds:.0f} s",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_valkey_hangs(proxied_system: Hubbub, engines: Engines, seed: int) -> None:
    """SIGSTOP for 10 s: connections stay open, nothing is answered."""

    async def inject(scene: Scene) -> None:
        with scene.fault("Valkey hangs"):
            engines.valkey.pause()
            await asyncio.sleep(10)
            engines.valkey.go_on()
        await asyncio.sleep(2)

    await ride_out(
        proxied_system, inject, fault="5 Valkey stopped for 10 s", invariants=INVARIANTS, seed=seed
    )


@pytest.mark.long
async def test_subscriptions_are_cut(proxied_system: Hubbub, engines: Engines, seed: int) -> None:
    """CLIENT KILL TYPE pubsub every half second, and then an overflowing output buffer."""

    async def inject(scene: Scene) -> None:
        with redis.Redis.from_url(engines.valkey.url) as valkey:
            killed = 0
            for _ in range(16):
                with scene.fault("CLIENT KILL TYPE pubsub"):
                    killed += await asyncio.to_thread(
                        valkey.execute_command, "CLIENT KILL TYPE pubsub"
                    )
                await asyncio.sleep(0.5)
            assert killed >= 16, f"only {killed} subscriptions were there to be cut"
            before = _overflows(valkey)
            with scene.fault("output buffer overflow"):
                limit = "pubsub 4kb 2kb 1"
                valkey.config_set("client-output-buffer-limit", limit)
                engines.valkey_proxy.delay_seconds = 0.2
                await asyncio.sleep(4)
                for _ in range(150):  # a busy machine publishes less
                    if _overflows(valkey) > before:
                        break
                    await asyncio.sleep(0.2)
                engines.valkey_proxy.delay_seconds = 0.0
                valkey.config_set("client-output-buffer-limit", "pubsub 64mb 32mb 10")
            assert _overflows(valkey) > before, "no output buffer has overflowed"
            await asyncio.sleep(1)

    await ride_out(
        proxied_system, inject, fault="5 pub/sub connections killed, buffers overflow",
        invariants=INVARIANTS, seed=seed, text_bytes=OVERFLOWING_BYTES,
    )  # fmt: skip


def _overflows(valkey: redis.Redis) -> int:
    """The number of clients that Valkey has disconnected because they did not read."""
    return int(valkey.info("stats")["client_output_buffer_limit_disconnections"])


@pytest.mark.long
async def test_valkey_fails_over(
    proxied_system: Hubbub,
    engines: Engines,
    make_valkey: Callable[[], ValkeyServer],
    seed: int,
) -> None:
    """Its address leads to another server, which knows nothing, and later back to the first one,
    which has the state from before."""
    other = make_valkey()

    async def inject(scene: Scene) -> None:
        for valkey in (other, engines.valkey, other):
            with scene.fault("failover"):
                engines.valkey_proxy.point_at(*host_and_port(valkey.url))
                engines.valkey_proxy.cut()
            await asyncio.sleep(4)

    await ride_out(
        proxied_system, inject, fault="5 Valkey fails over to an empty one and back",
        invariants=INVARIANTS, seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize(
    "lossy_bus", [LossyBus(0.03, random.Random(10))], ids=["3% lost, doubled, swapped"]
)
async def test_the_bus_loses_doubles_and_swaps(
    proxied_system: Hubbub, lossy_bus: LossyBus, seed: int
) -> None:
    """Events of chats, notices to users and digests alike: clients never notice."""

    async def inject(_: Scene) -> None:
        await asyncio.sleep(10)
        async with asyncio.timeout(60):  # two replicas publish one a second, to two nodes
            while not lossy_bus.lost_digests:  # noqa: ASYNC110 - a proxy thread counts
                await asyncio.sleep(0.5)

    await ride_out(
        proxied_system, inject, fault="10 3% of bus messages lost, 3% doubled, 3% swapped",
        invariants="I1 to I9", seed=seed,
    )  # fmt: skip
    assert min(lossy_bus.lost, lossy_bus.doubled, lossy_bus.swapped) > 0
