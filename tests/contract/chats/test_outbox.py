"""Publishing: after the commit, in order, and whatever happens in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
import psycopg
import pytest
import redis.asyncio as redis

from chats.encoding import UNSTAMPED, draft_event
from chats.store.messages import NewMessage, post_messages
from common.database import create_pool
from common.ids import new_id
from common.payload import Payload, unpack
from common.protocol.chats import ChangesRequest, Chat, Digest, Joined
from common.protocol.events import Message
from common.topics import Topics
from tests.contract.chats.conftest import Person, Stage, World, new_message, running_world
from tests.fixtures.servers import ValkeyServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Listener:
    """What comes in on some topics."""

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
            assert await pubsub.get_message(timeout=5) is not None
        yield Listener(pubsub)


async def commit_and_die(stage: Stage, chat: str, sender: Person, text: str) -> None:
    """What a replica leaves that is killed between commit and publish."""
    message = Message(chat=chat, by=sender.id, message_id=new_id(), message=text, **UNSTAMPED)
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        new = NewMessage(chat, sender.id, new_id(), draft_event(message))
        assert await post_messages(pool, [new]) != [None]


async def until_nothing_is_owed(stage: Stage) -> None:
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        async with asyncio.timeout(30):
            count = "SELECT count(*) FROM outbox"
            while connection.execute(count).fetchone() != (0,):  # noqa: ASYNC110 - another server
                await asyncio.sleep(0.02)


async def test_what_is_published_is_what_is_stored(stage: Stage, world: World) -> None:
    """One payload a chat and batch, with the bytes that the log holds; then nothing is owed."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.chat(chat.id)) as listener:
        await world.send(*(new_message(chat.id, ann, f"{n}é") for n in range(5)))
        payload = await listener.next_payload()
    assert (payload.first, payload.size, payload.controls) == (2, 5, [])
    lines = [msgspec.json.decode(line) for line in payload.text.split(b"\n")]
    assert lines == (await world.read_events(chat.id, ann))[1:]
    await until_nothing_is_owed(stage)


async def test_who_joins_is_told(stage: Stage, world: World) -> None:
    """Each first participant gets a notice on their own topic, and the payload has the entry."""
    ann, bob = await world.make_people(2)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.user(ann.id), topics.user(bob.id)) as listener:
        chat = await world.make_chat(ann, bob)
        for _ in range(2):
            notice = msgspec.json.decode(await listener.next_data(), type=Joined)
            assert notice == Joined(chat=chat.id, seq=1)


async def test_what_a_killed_replica_committed_is_published(stage: Stage, world: World) -> None:
    """Any other replica publishes it, with what is around it, and the digest tells of it."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await until_nothing_is_owed(stage)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.chat(chat.id)) as listener:
        await commit_and_die(stage, chat.id, ann, "left behind")
        payload = await listener.next_payload()
    assert (payload.first, payload.size) == (2, 1)
    assert msgspec.json.decode(payload.text)["message"] == "left behind"
    await until_nothing_is_owed(stage)


async def test_a_message_between_does_not_hide_what_was_left(stage: Stage, world: World) -> None:
    """Another replica's publish of a later message does not settle the earlier one."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await until_nothing_is_owed(stage)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.chat(chat.id)) as listener:
        await commit_and_die(stage, chat.id, ann, "left behind")
        await world.send(new_message(chat.id, ann))
        seen: set[int] = set()
        while seen != {2, 3}:
            payload = await listener.next_payload()
            seen |= set(range(payload.first, payload.first + payload.size))
    await until_nothing_is_owed(stage)


async def test_the_digest_comes_every_second(stage: Stage, world: World) -> None:
    """From each replica, with what changed, also when nothing did."""
    ann = await world.make_person()
    async with listening(stage.valkey_url, Topics(stage.topic_prefix).digest) as listener:
        chat = await world.make_chat(ann)
        heads: dict[str, dict[str, int]] = {}
        while len(heads) < 2 or chat.id not in heads[world.chats[0]]:
            digest = msgspec.json.decode(await listener.next_data(), type=Digest)
            heads[digest.replica] = digest.heads
    assert heads[world.chats[0]][chat.id] == 1
    assert chat.id not in heads[world.chats[1]]


@pytest.fixture
def own_valkey(make_valkey: Callable[[], ValkeyServer]) -> ValkeyServer:
    return make_valkey()


async def test_a_valkey_that_is_gone_or_hangs_delays_no_answer(
    stage: Stage, own_valkey: ValkeyServer
) -> None:
    """Sends are answered at once, any replica's `changes` tell of them, and when Valkey is back they
    are published."""
    stage = stage._replace(valkey_url=own_valkey.url)
    async with running_world(stage) as world:
        ann = await world.make_person()
        chat = await world.make_chat(ann)
        own_valkey.pause()
        assert min([await time_send(world, chat, ann) for _ in range(5)]) < 0.3
        own_valkey.go_on()
        own_valkey.kill()
        chat_while_away = await world.make_chat(ann)
        assert min([await time_send(world, chat, ann) for _ in range(5)]) < 0.3
        digest = await world.call("changes", ChangesRequest(), Digest, replica=1)
        assert digest.heads[chat.id] == 11
        assert any(join.chat == chat_while_away.id for join in digest.joins)
        own_valkey.start()
        topic = Topics(stage.topic_prefix).chat(chat.id)
        async with listening(own_valkey.url, topic) as listener:
            payload = await listener.next_payload()
        assert payload.first + payload.size == 12
        await until_nothing_is_owed(stage)


async def time_send(world: World, chat: Chat, sender: Person) -> float:
    """Seconds; each would take half of one if it waited for a Valkey that does not answer."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await world.send(new_message(chat.id, sender)))[0].code == ""
    return loop.time() - started
