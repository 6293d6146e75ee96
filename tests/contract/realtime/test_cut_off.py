"""chats' events do not arrive over the bus although this node's own connection to it works: the
node notices, polls, reports it, and stays ready.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from common.calls.replicas import LEASE_MS
from common.valkey.client import connect_valkey
from tests.contract.realtime.conftest import (
    PATIENCE_SECONDS,
    Frame,
    Person,
    Process,
    Socket,
    Tier,
    World,
    read_metrics,
)
from tests.fixtures.busy import bound
from tests.fixtures.lossy_bus import end_of_reply
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import PostgresServer, ValkeyServer, is_ready

# Silence is noticed after 2.5 s, and polls are half a second apart; everything takes longer on a
# machine that runs other tests.
FIRST_SECONDS = bound(4.5, 30.0)
LATER_SECONDS = bound(2.0, 20.0)
OUTAGE_SECONDS = 6.5  # longer than a poll looks back
PUSHED = b"*3\r\n$7\r\nmessage\r\n"
OPERATOR = "operator:word"
ALLOWED = ("on", ">word", "~*", "&*", "+@all")


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def own_tier(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, own_valkey: ValkeyServer
) -> Iterator[Tier]:
    """Two chats replicas that log in to Valkey as a separate user."""
    place = urlsplit(own_valkey.url).netloc
    found = Tier(tmp_path_factory.mktemp("cut"), postgres, f"redis://{OPERATOR}@{place}")
    asyncio.run(shut_to_strangers(own_valkey))
    try:
        found.start("users")
        for _ in range(2):
            found.start("chats", HUBBUB_VALKEY_URL=f"redis://chats:word@{place}")
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def own_node(own_tier: Tier) -> Process:
    return own_tier.start("realtime", HUBBUB_RATE_LIMITS="high")


@pytest.fixture
async def own_world(own_tier: Tier, own_node: Process) -> AsyncIterator[World]:
    async with own_tier.world(own_node) as world:
        await until_polling(world, lambda reasons: not reasons)
        yield world


async def tell(client: Redis, *command: str) -> object:
    execute: Callable[..., Awaitable[object]] = client.execute_command  # it has no types
    return await execute(*command)


async def shut_to_strangers(valkey: ValkeyServer) -> None:
    """Else a connection whose log-in fails would stay with the default user, who may do
    everything."""
    async with connect_valkey(valkey.url, patience_seconds=PATIENCE_SECONDS) as client:
        for user in ("operator", "chats"):
            await tell(client, "ACL", "SETUSER", user, *ALLOWED)
        await tell(client, "ACL", "SETUSER", "default", "off")


async def as_operator(valkey: ValkeyServer, *command: str) -> object:
    url = f"redis://{OPERATOR}@{urlsplit(valkey.url).netloc}"
    client = connect_valkey(url, patience_seconds=PATIENCE_SECONDS)
    try:
        return await tell(client, *command)
    finally:
        await client.aclose()


async def polling_reasons(node: Process) -> set[str]:
    start = 'hubbub_realtime_polling{reason="'
    lines = [line for line in (await read_metrics(node)).splitlines() if line.startswith(start)]
    assert len(lines) == 3
    return {line.removeprefix(start).split('"')[0] for line in lines if line.endswith(" 1.0")}


async def until_polling(world: World, is_so: Callable[[set[str]], bool]) -> None:
    async with asyncio.timeout(bound(10.0, 60.0)):
        while not is_so(await polling_reasons(world.node)):  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.1)


async def hear_post(world: World, chat: str, sender: Person, socket: Socket) -> float:
    """Seconds from a post to its message."""
    started = time.monotonic()
    (sent,) = await world.post(chat, sender, "x")
    assert (await socket.hear_event())["seq"] == sent.seq
    return time.monotonic() - started


async def hear_new_chat(world: World, owner: Person, other: Person, socket: Socket) -> float:
    """Seconds from creating a chat to its `chat.created`."""
    started = time.monotonic()
    made = await world.make_chat(owner, other)
    event = await socket.hear_event()
    assert (event["type"], event["chat"]) == ("chat.created", made)
    return time.monotonic() - started


@asynccontextmanager
async def cut(
    begin: Callable[[], Awaitable[object]], end: Callable[[], Awaitable[object]]
) -> AsyncIterator[None]:
    await begin()
    try:
        yield
    finally:
        await end()


async def talk_while_cut(
    world: World,
    reason: str,
    begin: Callable[[], Awaitable[object]],
    end: Callable[[], Awaitable[object]],
    *,
    seconds: float = 0.0,
) -> None:
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    async with world.connect(ben) as socket:
        await hear_post(world, chat, ann, socket)
        async with cut(begin, end):
            started = time.monotonic()
            # The join of a moment ago may still be reading the log, and find this one without a
            # poll.
            assert await hear_post(world, chat, ann, socket) < FIRST_SECONDS
            await until_polling(world, lambda reasons: reason in reasons)
            is_over = False
            while not is_over:
                is_over = time.monotonic() - started > seconds
                assert await hear_post(world, chat, ann, socket) < LATER_SECONDS
                assert await hear_new_chat(world, ann, ben, socket) < LATER_SECONDS
            await until_polling(world, lambda reasons: reason in reasons)
            assert is_ready(world.node.health)
        await until_polling(world, lambda reasons: not reasons)
        assert await hear_post(world, chat, ann, socket) < LATER_SECONDS
        assert await socket.hear_nothing_more() == []


async def test_chats_that_may_not_log_in_to_valkey_is_polled(
    own_world: World, own_valkey: ValkeyServer
) -> None:
    """Their Valkey user is disabled and their connections are closed; leases expire, too."""

    async def switch_off() -> None:
        await as_operator(own_valkey, "ACL", "SETUSER", "chats", "off")
        await as_operator(own_valkey, "CLIENT", "KILL", "USER", "chats")

    async def switch_on() -> None:
        await as_operator(own_valkey, "ACL", "SETUSER", "chats", "on")

    await talk_while_cut(
        own_world, "digest_missing", switch_off, switch_on, seconds=LEASE_MS / 1000
    )


async def test_chats_that_may_not_publish_is_polled(
    own_world: World, own_valkey: ValkeyServer
) -> None:
    """Their leases are renewed, but no events arrive."""

    async def forbid() -> None:
        await as_operator(own_valkey, "ACL", "SETUSER", "chats", "-publish")

    async def allow() -> None:
        await as_operator(own_valkey, "ACL", "SETUSER", "chats", *ALLOWED)

    await talk_while_cut(own_world, "digest_missing", forbid, allow)


class Deaf:
    """A filter of the proxy: once `topics` are set, what is published on others is dropped."""

    def __init__(self) -> None:
        self.topics: tuple[bytes, ...] | None = None

    def make_filter(self) -> Callable[[bytes], bytes]:
        unread = bytearray()

        def change(data: bytes) -> bytes:
            unread.extend(data)
            out = bytearray()
            while (end := end_of_reply(unread)) is not None:
                reply = bytes(unread[:end])
                del unread[:end]
                if self._passes(reply):
                    out += reply
            return bytes(out)

        return change

    def _passes(self, reply: bytes) -> bool:
        if self.topics is None or not reply.startswith(PUSHED):
            return True
        return any(topic in reply[:120] for topic in self.topics)


@pytest.mark.parametrize(
    ("reason", "carried"),
    [("digest_missing", (b"canary:",)), ("canary_missing", (b"canary:", b"digest"))],
)
async def test_one_node_to_which_valkey_delivers_nothing_polls(
    own_tier: Tier,
    own_valkey: ValkeyServer,
    own_world: World,
    reason: str,
    carried: tuple[bytes, ...],
) -> None:
    """It receives its own canary, so the connection looks healthy; another node receives
    everything."""
    deaf, place = Deaf(), urlsplit(own_valkey.url)

    async def turn_deaf() -> None:
        deaf.topics = carried

    async def heal() -> None:
        deaf.topics = None

    async with Proxy(str(place.hostname), int(place.port or 0), deaf.make_filter) as proxy:
        url = f"redis://{OPERATOR}@{proxy.address}"
        node = await asyncio.to_thread(
            lambda: own_tier.start("realtime", HUBBUB_RATE_LIMITS="high", HUBBUB_VALKEY_URL=url)
        )
        try:
            async with own_tier.world(node) as world:
                await until_polling(world, lambda reasons: not reasons)
                await talk_while_cut(world, reason, turn_deaf, heal)
                assert await polling_reasons(own_world.node) == set()
        finally:
            node.server.kill()


async def test_a_chat_joined_during_an_outage_of_everything_is_heard_after_it(
    own_tier: Tier, own_valkey: ValkeyServer
) -> None:
    """The node is stopped and its connection is closed for longer than any digest or poll looks
    back: users added meanwhile get the chat from the event of their joining on."""
    node = own_tier.start("realtime", HUBBUB_RATE_LIMITS="high")
    async with own_tier.world(node) as world:
        ann, ben = await world.make_people(2)
        async with world.connect(ben) as socket:
            node.server.pause()
            try:
                await as_operator(own_valkey, "CLIENT", "KILL", "TYPE", "pubsub")
                chat = await world.make_chat(ann)
                await world.add(chat, ann, ben)
                await world.post(chat, ann, "hello")
                await asyncio.sleep(OUTAGE_SECONDS)
            finally:
                node.server.go_on()
            events: list[Frame] = await socket.hear_until(3)
            assert [(e["type"], e["seq"]) for e in events] == [("chat.created", 2), ("message", 3)]
            await world.post(chat, ann, "again")
            assert (await socket.hear_event())["seq"] == 4
    node.server.kill()
