"""What a node makes of what others say about their users."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from common.valkey.topics import Topics
from common.valkey.valkey import Leases, Valkey
from realtime.counters import Counters
from realtime.fan_out.hub import Hub
from realtime.presence.messages import THERE, SaidOf, Tells, decode_asks, encode
from realtime.presence.presence import Presence
from tests.fixtures.quiet_node import QuietBus, QuietNode

ANN = "01890a5d-ac96-774b-bcce-b302099a8058"
TOPICS = Topics()


class Scene:
    """The node `here` asks `other`, which has ann, and whose lease ran out a minute ago."""

    topics = TOPICS

    def __init__(self) -> None:
        self.bus = QuietBus()
        self.subscriptions = QuietNode().fan_out.subscriptions
        self.presence = Presence(
            "here", Hub(lambda: 0.0), cast(Valkey, self), self.subscriptions, self.companions,
            1, Counters(), asyncio.ensure_future, lambda: 0.0,
        )  # fmt: skip

    async def companions(self, _: str, users: Any) -> set[str]:
        return set(users)

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> "asyncio.Future[list[int]]":
        heard: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        [(topic, data)] = messages
        assert topic == TOPICS.presence_asks
        answer = Tells("other", decode_asks(data).number, [SaidOf(ANN, True, THERE)])
        self.subscriptions.handle(TOPICS.presence_node("here").encode(), encode(answer))
        heard.set_result([1])
        return heard

    async def keep_fields(self, *_: Any, **__: Any) -> bool:
        return True

    async def renew_lease(self, *_: Any) -> bool:
        return True

    async def list_lease_ends(self, *_: Any) -> Leases:
        return Leases(self.now_ms(), {"other": self.now_ms() - 60_000})

    async def get_fields(self, *_: Any) -> None:
        return None

    def now_ms(self) -> int:
        return 1_800_000_000_000


class Watcher:
    """A socket that waits for its list."""

    user = name = "ben"

    def __init__(self) -> None:
        self.states: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    def reply(self, frame: bytes) -> None:
        self.states.set_result(msgspec.json.decode(frame[2:])["users"])


async def test_a_node_that_answers_is_alive() -> None:
    """It renewed no lease while nobody watched its users; the answer must not wait until its next
    lease is seen."""
    scene, watcher = Scene(), Watcher()
    scene.presence.watch(cast(Any, watcher), [ANN])
    async with asyncio.timeout(30):
        assert await watcher.states == {ANN: "online"}
