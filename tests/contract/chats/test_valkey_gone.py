"""chats while Valkey hangs, is down or refuses, and after. The file has its own databases, since
other replicas would publish what these could not.
"""

import asyncio
from collections.abc import Callable

import pytest
import redis
from prometheus_client import REGISTRY

from common.protocol.chats import ChangesRequest, Chat, Digest
from common.valkey.topics import Topics
from tests.contract.chats.conftest import Person, Stage, World, new_message, running_world
from tests.contract.chats.listener import listening, until_outbox_is_empty
from tests.fixtures.servers import ValkeyServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def own_valkey(make_valkey: Callable[[], ValkeyServer]) -> ValkeyServer:
    return make_valkey()


async def test_a_valkey_that_is_gone_or_hangs_delays_no_answer(
    stage: Stage, own_valkey: ValkeyServer
) -> None:
    """Sends are answered at once, the `changes` of any replica report them, and when Valkey is back
    they are published."""
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
        swept = swept_so_far()
        own_valkey.start()
        await until_outbox_is_empty(stage)
        assert swept_so_far() > swept
        topic = Topics(stage.topic_prefix).chat(chat.id)
        async with listening(own_valkey.url, topic) as listener:
            await world.send(new_message(chat.id, ann))
            assert (await listener.next_payload()).first == 12


def swept_so_far() -> float:
    return REGISTRY.get_sample_value("hubbub_chats_published_total", {"by": "sweep"}) or 0


async def time_send(world: World, chat: Chat, sender: Person) -> float:
    """Seconds; each would take half of one if it waited for a Valkey that does not answer."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await world.send(new_message(chat.id, sender))
    return loop.time() - started


async def test_an_event_that_nobody_can_publish_ages(
    stage: Stage, own_valkey: ValkeyServer
) -> None:
    """If Valkey answers but refuses to publish, chats reports it, and the age of the outbox is that
    of its oldest event however often a sweep has tried."""
    with redis.Redis.from_url(own_valkey.url) as admin:
        everything_but = ("SETUSER", "chats", "on", ">secret", "~*", "&*", "+@all", "-publish")
        admin.execute_command("ACL", *everything_but)
        url = own_valkey.url.replace("//", "//chats:secret@")
        async with running_world(stage._replace(valkey_url=url)) as world:
            ann = await world.make_person()
            await world.make_chat(ann)
            await until_metric("hubbub_chats_outbox_age_seconds", lambda age: age > 2)
            assert REGISTRY.get_sample_value("hubbub_chats_bus_up") == 0
            admin.execute_command("ACL", "SETUSER", "chats", "+publish")
            await until_outbox_is_empty(stage)
            await until_metric("hubbub_chats_bus_up", lambda is_up: is_up == 1)
            await until_metric("hubbub_chats_outbox_age_seconds", lambda age: age == 0)


async def until_metric(name: str, is_so: Callable[[float], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so(REGISTRY.get_sample_value(name) or 0):  # noqa: ASYNC110 - polls a metric
            await asyncio.sleep(0.02)
