"""How often a user may send: one bucket per user, whichever way the messages come."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from common.protocol.ids import new_id
from common.valkey import shared_rates
from common.valkey.rates import SEND_KIND, SENDS
from common.valkey.shared_rates import SharedBuckets
from common.valkey.valkey import Valkey
from tests.contract.realtime.conftest import Frame, Person, Process, Socket, Tier, World


@pytest.fixture(scope="module")
def strict_node(tier: Tier) -> Iterator[Process]:
    """A node with the documented rates."""
    with tier.running_node() as node:
        yield node


@pytest.fixture
async def strict_world(tier: Tier, strict_node: Process) -> AsyncIterator[World]:
    async with tier.world(strict_node) as world:
        yield world


async def make_chat(world: World) -> tuple[Person, str]:
    person = await world.make_person()
    return person, await world.make_chat(person)


def send(chat: str) -> Frame:
    return {"type": "send", "chat": chat, "clientId": new_id(), "message": "x"}


async def hear_answers(socket: Socket, frames: list[Frame]) -> dict[str, Frame]:
    """By the frames' keys."""
    answers: dict[str, Frame] = {}
    while len(answers) < len(frames):
        if (heard := await socket.hear())["type"] in ("sent", "error"):
            answers[heard["clientId"]] = heard
    return answers


async def test_50_at_once_and_then_10_a_second(strict_world: World) -> None:
    """Sends above it are refused with the seconds to wait, and the socket stays open."""
    person, chat = await make_chat(strict_world)
    async with strict_world.connect(person) as socket:
        frames = [send(chat) for _ in range(100)]
        started = time.monotonic()
        await socket.say(*frames)
        answers = await hear_answers(socket, frames)
        flowed_back = int(SENDS.per_second * (time.monotonic() - started)) + 1
        kinds = [answers[frame["clientId"]]["type"] for frame in frames]
        assert kinds[:50] == ["sent"] * 50
        assert kinds[-1] == "error"
        assert kinds.count("sent") <= 50 + flowed_back
        refused = answers[frames[-1]["clientId"]]
        assert (refused["code"], refused["chat"]) == ("rate_limited", chat)
        assert refused["retryAfter"] == 1
        await socket.say({"type": "ping"})
        assert (await socket.hear_type("pong")) == {"type": "pong"}


async def test_what_is_sent_elsewhere_counts_from_the_first_frame(
    strict_world: World, strict_node: Process, tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process emptied the bucket: of forty sends in the first frame of a new socket, only
    as many are accepted as tokens were refilled meanwhile."""
    monkeypatch.setattr(shared_rates, "ANSWER_SECONDS", 30.0)

    def counted_alone() -> int:
        """How often Valkey's answer was late because the machine is busy: then the node rightly
        accepts all forty."""
        return tier.log_of(strict_node).count("limits are local for now")

    while True:
        before = counted_alone()
        person, chat = await make_chat(strict_world)
        async with strict_world.connect(person) as socket:
            started = time.monotonic()
            with closing(Valkey(tier.valkey_url, tier.topic_prefix)) as valkey:
                elsewhere = SharedBuckets(valkey)
                for _ in range(SENDS.burst):
                    assert (await elsewhere.take(SEND_KIND, person.id, SENDS)).allowed
            frames = [send(chat) for _ in range(40)]
            await socket.say(*frames)
            answers = (await hear_answers(socket, frames)).values()
            flowed_back = int(SENDS.per_second * (time.monotonic() - started)) + 1
        if counted_alone() == before:
            break
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert len(refused) >= 40 - flowed_back
    assert {answer["code"] for answer in refused} <= {"rate_limited"}
