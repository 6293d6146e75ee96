"""Presence while nodes and Valkey are killed."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from tests.contract.realtime.conftest import Person, Process, Socket, Tier, read_metrics
from tests.contract.realtime.test_presence import TOLD_SECONDS, told_more, until_told, watch
from tests.fixtures.busy import bound
from tests.fixtures.servers import ValkeyServer

MakeTier = Callable[[], tuple[Tier, ValkeyServer]]
LATE_SECONDS = bound(3.0, 15.0)


async def until_offline(socket: Socket, people: list[Person], since: float) -> dict[str, float]:
    """How long after `since` each of them was reported offline; nothing else is reported."""
    seconds: dict[str, float] = {}
    while len(seconds) < len(people):
        told = await socket.hear(60)
        if told["type"] == "presence":
            assert set(told["users"].values()) == {"offline"}
            seconds |= dict.fromkeys(told["users"], time.monotonic() - since)
    return seconds


async def test_those_who_have_no_sockets_any_more(make_tier: MakeTier) -> None:
    """They keep their state for half a minute and are offline then, whether they disconnected or
    their node was killed; watchers on a node that starts to watch them later are told the same.
    Nothing is reported of a user who reconnects in time."""
    tier, _ = make_tier()
    tier.start("users")
    tier.start("chats")
    nodes = [tier.start("realtime", HUBBUB_RATE_LIMITS="high") for _ in range(3)]
    here, killed, other = nodes
    async with tier.world(here) as world, contextlib.AsyncExitStack() as sockets:

        async def connect(person: Person, node: Process) -> Socket:
            return await sockets.enter_async_context(world.connect(person, node))

        ann, leaves, away, lost, returns = everybody = await world.make_people(5)
        await world.make_chat(*everybody)
        watcher = await connect(ann, here)
        first, second = await connect(leaves, here), await connect(away, here)
        await connect(lost, killed)
        await connect(returns, killed)
        await second.say({"type": "active", "active": False})
        await second.hear_nothing_more()
        were = {leaves.id: "online", away.id: "away", lost.id: "online", returns.id: "online"}
        assert await watch(watcher, leaves, away, lost, returns) == were
        since = time.monotonic()
        await first.connection.close()
        await second.connection.close()
        killed.server.kill()
        await asyncio.sleep(2)
        newcomer = await connect(ann, other)
        assert await watch(newcomer, leaves, away, lost, returns) == were
        await connect(returns, other)
        for socket in (watcher, newcomer):
            seconds = await until_offline(socket, [leaves, away, lost], since)
            for person in (leaves, away):
                assert 30 <= seconds[person.id] <= 30 + TOLD_SECONDS + LATE_SECONDS
            assert 30 <= seconds[lost.id] <= bound(45.0, 60.0)
        assert await told_more(watcher) == []
        assert await watch(newcomer, returns, lost) == {returns.id: "online", lost.id: "offline"}


async def test_while_valkey_is_gone_nothing_changes(make_tier: MakeTier) -> None:
    """Lists are answered with what is known; when it is back, empty, everything is announced again
    automatically, and no user who was connected throughout is reported as anything else."""
    tier, valkey = make_tier()
    tier.start("users")
    tier.start("chats")
    nodes = [tier.start("realtime", HUBBUB_RATE_LIMITS="high") for _ in range(2)]
    async with tier.world(nodes[0]) as world, contextlib.AsyncExitStack() as sockets:

        async def connect(person: Person, number: int) -> Socket:
            return await sockets.enter_async_context(world.connect(person, nodes[number]))

        ann, stays, goes_away, comes = everybody = await world.make_people(4)
        await world.make_chat(*everybody)
        watcher = await connect(ann, 0)
        await connect(stays, 1)
        there = await connect(goes_away, 1)
        before = {stays.id: "online", goes_away.id: "online", comes.id: "offline"}
        assert await watch(watcher, stays, goes_away, comes) == before
        valkey.kill()
        while await buses_up(nodes):  # noqa: ASYNC110 - polls over HTTP
            await asyncio.sleep(0.02)
        await there.say({"type": "active", "active": False})
        await connect(comes, 1)
        await asyncio.sleep(1)
        assert await told_more(watcher) == []
        assert await watch(watcher, stays, goes_away, comes) == before
        await asyncio.to_thread(valkey.start)
        told: dict[str, str] = {}
        while len(told) < 2:
            frame = await watcher.hear()
            if frame["type"] == "presence":
                told |= frame["users"]
        assert told == {goes_away.id: "away", comes.id: "online"}
        # Longer than until a node that does not renew its lease counts as dead.
        await asyncio.sleep(8)
        assert await told_more(watcher) == []
        await there.say({"type": "active", "active": True})
        await until_told(watcher, goes_away, "online")


async def buses_up(nodes: list[Process]) -> int:
    return sum(["hubbub_realtime_bus_up 1.0" in await read_metrics(node) for node in nodes])
