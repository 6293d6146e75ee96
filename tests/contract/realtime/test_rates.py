"""How often somebody may send: one bucket a person, whichever way the messages come."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.protocol.ids import new_id
from common.valkey.pipeline import ValkeyPipeline
from common.valkey.rates import SEND_KIND, SENDS
from common.valkey.shared_rates import SharedBuckets
from common.valkey.topics import Topics
from tests.contract.realtime.conftest import Frame, Person, Process, Tier, World


@pytest.fixture(scope="module")
def strict_node(tier: Tier) -> Process:
    """A node with the rates of the contract."""
    return tier.start("realtime")


@pytest.fixture
async def strict_world(tier: Tier, strict_node: Process) -> AsyncIterator[World]:
    async with tier.world(strict_node) as world:
        yield world


async def make_chat(world: World) -> tuple[Person, str]:
    person = await world.make_person()
    return person, await world.make_chat(person)


def send(chat: str) -> Frame:
    return {"type": "send", "chat": chat, "clientId": new_id(), "message": "x"}


async def test_50_at_once_and_then_10_a_second(strict_world: World) -> None:
    """What is too much is refused with the seconds to wait, and the socket goes on."""
    person, chat = await make_chat(strict_world)
    async with strict_world.connect(person) as socket:
        frames = [send(chat) for _ in range(100)]
        await socket.say(*frames)
        answers = {}
        while len(answers) < len(frames):
            if (heard := await socket.hear())["type"] in ("sent", "error"):
                answers[heard["clientId"]] = heard
        kinds = [answers[frame["clientId"]]["type"] for frame in frames]
        assert kinds[:50] == ["sent"] * 50
        assert kinds[-1] == "error"
        refused = answers[frames[-1]["clientId"]]
        assert (refused["code"], refused["chat"]) == ("rate_limited", chat)
        assert 1 <= refused["retryAfter"] <= 5
        await socket.say({"type": "ping"})
        assert (await socket.hear_type("pong")) == {"type": "pong"}


async def test_what_is_sent_elsewhere_counts(strict_world: World, tier: Tier) -> None:
    """Two other processes gave out a full bucket each: here there is nothing left."""
    person, chat = await make_chat(strict_world)
    line, topics = ValkeyPipeline(tier.valkey_url), Topics(tier.topic_prefix)
    for buckets in (SharedBuckets(line, topics), SharedBuckets(line, topics)):
        for _ in range(SENDS.burst):
            assert buckets.take_at_once(SEND_KIND, person.id, SENDS).allowed
    async with asyncio.timeout(5), strict_world.connect(person) as socket:
        while True:  # the others tell Valkey within a round trip, and the node hears of it in one
            await socket.say(send(chat))
            answer = await socket.hear()
            while answer["type"] == "message":
                answer = await socket.hear()
            if answer["type"] == "error":
                break
        assert answer["code"] == "rate_limited"
        assert len(await strict_world.events(chat, person)) < 20
    line.close()
