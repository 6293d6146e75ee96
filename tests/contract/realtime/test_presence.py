"""Presence: watching over two nodes, and which changes are sent."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import redis

from common.protocol.ids import new_id
from common.valkey.topics import Topics
from realtime.presence.presence import ANSWERS_SECONDS
from tests.contract.realtime.conftest import (
    PATIENCE_SECONDS,
    Person,
    Process,
    Socket,
    Tier,
    World,
    read_metrics,
)
from tests.fixtures.busy import IS_AT_REST
from tests.fixtures.servers import ValkeyServer

TOLD_SECONDS = 2.0  # on an idle machine
MOST_COMMANDS = 10_000  # that are listed: more than come while a test stands still for seconds


async def watch(socket: Socket, *people: Person) -> dict[str, str]:
    """The answer, by user."""
    [states] = await watch_at_once([socket], *people)
    return states


async def watch_at_once(sockets: list[Socket], *people: Person) -> list[dict[str, str]]:
    """The answers on all sockets. A node answers after a while with what it knows, and sockets that
    asked later get that answer sooner: a busy machine is asked again after a slow answer."""

    async def ask(socket: Socket) -> dict[str, str]:
        await socket.say({"type": "watch", "users": [person.id for person in people]})
        return dict((await socket.hear_type("presence"))["users"])

    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            asked = time.monotonic()
            answers = await asyncio.gather(*map(ask, sockets))
            if IS_AT_REST or time.monotonic() - asked < 0.9 * ANSWERS_SECONDS:
                return answers
            await asyncio.sleep(1.0)
            for socket in sockets:
                await told_more(socket)


async def until_told(socket: Socket, person: Person, state: str) -> None:
    """Waits until the socket is told this state of the user, and nothing else before."""
    told = await socket.hear_type("presence")
    assert told["users"] == {person.id: state}


async def told_more(socket: Socket) -> list[Any]:
    return [f["users"] for f in await socket.hear_nothing_more() if f["type"] == "presence"]


async def test_a_watch_is_answered_with_all_of_its_list(world: World, other_node: Process) -> None:
    """Oneself too; users without a shared chat, and unknown ids, are left out; an empty list is
    answered, and each list replaces the previous one."""
    ann, ben, cat, dan = await world.make_people(4)
    chat = await world.make_chat(ann, ben, cat)
    async with world.connect(ann) as socket, world.connect(ben, other_node) as there:
        assert await watch(socket, ben, cat, dan, ann, ben) == {
            ben.id: "online", cat.id: "offline", ann.id: "online",
        }  # fmt: skip
        await there.say({"type": "active", "active": False})
        await until_told(socket, ben, "away")
        assert await watch(socket) == {}
        assert await watch(socket, cat) == {cat.id: "offline"}
        async with world.connect(cat, other_node):
            await until_told(socket, cat, "online")
        assert await watch(socket, cat, ben) == {cat.id: "online", ben.id: "away"}
        # The chats shared at the moment of watching count.
        await world.remove(chat, ann, ben)
        await there.say({"type": "active", "active": True})
        await until_told(socket, ben, "online")
        assert await watch(socket, cat, ben) == {cat.id: "online"}
        await socket.say({"type": "watch", "users": [new_id() for _ in range(201)]})
        assert (await socket.hear_type("error"))["code"] == "invalid_request"
        await socket.say({"type": "active", "active": "no"})
        assert (await socket.hear_type("error"))["code"] == "invalid_request"


async def test_lists_of_one_moment_are_answered_with_the_same_states(
    world: World, other_node: Process
) -> None:
    """The node asks about the users for the first of them; the others wait for that too."""
    ann, *people = await world.make_people(20)
    await world.make_chat(ann, *people)
    async with contextlib.AsyncExitStack() as sockets:
        for person in people:
            await sockets.enter_async_context(world.connect(person, other_node))
        here = [await sockets.enter_async_context(world.connect(ann)) for _ in range(10)]
        answers = await watch_at_once(here, *people)
    assert answers == [{person.id: "online" for person in people}] * len(here)


async def test_online_while_one_of_their_sockets_is_active(
    world: World, other_node: Process
) -> None:
    """On whichever node; a change without effect is not sent."""
    ann, ben = await world.make_people(2)
    await world.make_chat(ann, ben)
    async with world.connect(ann) as socket, world.connect(ben) as one:
        assert await watch(socket, ben) == {ben.id: "online"}
        async with world.connect(ben, other_node) as other:
            await one.say({"type": "active", "active": False})
            await asyncio.sleep(1.5)
            # Only what was sent before the other node had announced them.
            told = await told_more(socket)
            while told and told[-1] != {ben.id: "online"}:
                told.append((await socket.hear_type("presence"))["users"])
            await other.say({"type": "active", "active": False})
            await until_told(socket, ben, "away")
            await one.say({"type": "active", "active": True})
            await until_told(socket, ben, "online")
        # They still have a socket: its state is theirs.
        await one.say({"type": "active", "active": False})
        await until_told(socket, ben, "away")
        await one.say({"type": "active", "active": False})
        await asyncio.sleep(1.0)
        assert await told_more(socket) == []


async def test_changes_are_told_once_a_second(world: World, other_node: Process) -> None:
    """However often they change, with the final state at the end; over both nodes."""
    ann, ben = await world.make_people(2)
    await world.make_chat(ann, ben)
    async with world.connect(ann, other_node) as socket, world.connect(ben) as there:
        await watch(socket, ben)
        started = time.monotonic()
        for number in range(60):
            await there.say({"type": "active", "active": number % 2 == 0})
            await asyncio.sleep(0.05)
        told = await told_more(socket)
        assert len(told) <= time.monotonic() - started + 1
        await there.say({"type": "active", "active": False})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not told or told[-1] != {ben.id: "away"}:
                told.append((await socket.hear_type("presence"))["users"])


async def test_watching_too_often_is_refused(world: World, tier: Tier) -> None:
    """One list a second, ten at once; the socket stays open."""
    ann, ben = await world.make_people(2)
    await world.make_chat(ann, ben)
    with tier.running_node() as node:
        async with world.connect(ann, node) as socket:
            await socket.say(*11 * [{"type": "watch", "users": [ben.id]}])
            answers = [await socket.hear() for _ in range(11)]
    kinds = sorted(answer["type"] for answer in answers)
    assert kinds == ["error"] + 10 * ["presence"]
    [error] = [answer for answer in answers if answer["type"] == "error"]
    assert (error["code"], error["retryAfter"]) == ("rate_limited", 1)


async def test_those_whom_nobody_watches_cost_nothing(
    make_tier: Callable[[], tuple[Tier, ValkeyServer]],
) -> None:
    """Valkey is told of a user when they come to a node, and then no more, whatever they do;
    watched by many sockets of two nodes, a change is one message per node."""
    tier, valkey = make_tier()
    with contextlib.closing(redis.Redis.from_url(valkey.url)) as client:
        client.config_set("slowlog-log-slower-than", 0)  # so that it lists every command
        client.config_set("slowlog-max-len", MOST_COMMANDS)
    tier.start("users")
    tier.start("chats")
    nodes = [tier.start("realtime", HUBBUB_RATE_LIMITS="high") for _ in range(2)]
    async with tier.world(nodes[0]) as world, contextlib.AsyncExitStack() as sockets:
        ann, ben = await world.make_people(2)
        await world.make_chat(ann, ben)
        there = await sockets.enter_async_context(world.connect(ben))
        await until_published(valkey, Topics(tier.topic_prefix).presence(ben.id))
        for number in range(20):
            await there.say({"type": "active", "active": bool(number % 2)})
        assert await told_of(nodes) == 0
        assert keys_of_presence(valkey) == []
        watchers = [
            await sockets.enter_async_context(world.connect(ann, nodes[number % 2]))
            for number in range(10)
        ]
        for socket in watchers:
            assert await watch(socket, ben) == {ben.id: "online"}
        assert await told_of(nodes) == 0  # they have asked
        await there.say({"type": "active", "active": False})
        for socket in watchers:
            await until_told(socket, ben, "away")
        assert await told_of(nodes) == 2
        assert len(keys_of_presence(valkey)) == 2  # what the node has announced, and leases


async def until_published(valkey: ValkeyServer, topic: str) -> None:
    """Waits until the slow log, which lists every command, names the topic."""
    with contextlib.closing(redis.Redis.from_url(valkey.url)) as client:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while topic not in str(client.slowlog_get(MOST_COMMANDS)):  # noqa: ASYNC110 - polls Valkey
                await asyncio.sleep(0.02)


async def told_of(nodes: list[Process]) -> float:
    """Messages that nodes have published about users, times their receivers."""
    told = 0.0
    for node in nodes:
        [line] = [
            line
            for line in (await read_metrics(node)).splitlines()
            if line.startswith("hubbub_realtime_presence_told_total ")
        ]
        told += float(line.split()[1])
    return told


def keys_of_presence(valkey: ValkeyServer) -> list[bytes]:
    with contextlib.closing(redis.Redis.from_url(valkey.url)) as client:
        keys = client.keys("*")
    return [key for key in keys if isinstance(key, bytes) and b"presence" in key]
