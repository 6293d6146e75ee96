"""Hostile clients of a real node: what they get, and that nobody else is affected."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.contract.realtime.conftest import Process, Tier, World, read_metrics
from tests.contract.realtime.test_framing import CLOSE, TEXT, frame, open_socket, open_wire, request
from tests.fixtures.busy import bound
from tests.fixtures.hostile import streams

MAX_HANDSHAKES = 40
PING = frame(TEXT, b'{"type":"ping"}')


@pytest.fixture(scope="module")
def narrow_node(tier: Tier) -> Iterator[Process]:
    """A node that allows few unfinished handshakes."""
    with tier.running_node(HUBBUB_MAX_PENDING_HANDSHAKES=str(MAX_HANDSHAKES)) as node:
        yield node


@pytest.fixture
async def narrow_world(tier: Tier, narrow_node: Process) -> AsyncIterator[World]:
    async with tier.world(narrow_node) as world:
        yield world


def make_streams(number: int) -> list[bytes]:
    """The same in every run, so that a failing one can be found again."""
    found: list[bytes] = []

    @settings(
        max_examples=number, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(stream=streams)
    def collect(stream: list[bytes]) -> None:
        found.append(b"".join(stream))

    collect()
    return found


async def test_made_up_frames_break_nothing(world: World) -> None:
    """A hundred streams of nonsense: each socket stays open or is closed properly, another client's
    stays open, and the node logs nothing about it."""
    person, other = await world.make_people(2)
    streams = make_streams(100)  # takes seconds, in which nobody would answer the neighbour's pings
    async with world.connect(other) as neighbour:
        for stream in streams:
            async with open_socket(world, person) as wire:
                wire.write(stream, PING)
                wire.writer.write_eof()
                async with asyncio.timeout(30):
                    await wire.reader.read()
        assert await neighbour.hear_nothing_more() == []
    log = [msgspec.json.decode(line) for line in world.tier.log_of(world.node).splitlines()]
    assert [line for line in log if line["level"] == "error" or "exception" in line] == []


async def test_unfinished_handshakes_are_bounded_and_keep_nobody_out(narrow_world: World) -> None:
    """Three times as many as the maximum: it keeps the newest, and users can still connect."""
    person = await narrow_world.make_person()
    half = request().encode()[:60]
    async with contextlib.AsyncExitStack() as stack:
        wires = []
        for _ in range(3 * MAX_HANDSHAKES):
            wires.append(await stack.enter_async_context(open_wire(narrow_world)))
            wires[-1].write(half)
        async with asyncio.timeout(30):
            for wire in wires[MAX_HANDSHAKES : 2 * MAX_HANDSHAKES]:
                with contextlib.suppress(ConnectionResetError):
                    assert await wire.reader.read() == b""
        metrics = await read_metrics(narrow_world.node)
        (line,) = [m for m in metrics.splitlines() if m.startswith("hubbub_realtime_handshakes ")]
        assert float(line.split()[1]) <= MAX_HANDSHAKES
        await asyncio.sleep(1.0)  # the time an honest handshake is given
        async with narrow_world.connect(person) as socket:
            await socket.say({"type": "ping"})
            assert await socket.hear_type("pong")


async def test_a_handshake_that_does_not_end_is_cut_off(world: World) -> None:
    """After ten seconds, even if a byte comes now and then; the same for a socket without
    `connect`."""

    async def drip() -> float:
        async with open_wire(world) as wire:
            started = asyncio.get_running_loop().time()
            ended = asyncio.create_task(wire.reader.read())
            for byte in request().encode():
                if ended.done():
                    break
                wire.write(bytes([byte]))
                await asyncio.wait([ended], timeout=0.5)
            with contextlib.suppress(ConnectionResetError):
                assert ended.result() == b""
            return asyncio.get_running_loop().time() - started

    async def say_nothing() -> int:
        async with open_wire(world) as wire:
            assert (await wire.ask(request())).status == 101
            async with asyncio.timeout(bound(15.0, 40.0)):
                head = await wire.reader.readexactly(4)
            assert head[0] & 0x0F == CLOSE
            return int.from_bytes(head[2:])

    seconds, code = await asyncio.gather(drip(), say_nothing())
    assert 9 < seconds < bound(14.0, 40.0)
    assert code == 4010
