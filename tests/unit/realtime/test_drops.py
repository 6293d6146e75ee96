"""Everything that a node drops, refuses or loses is counted, under its reason."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.process.tasks import stop
from common.valkey.topics import Topics
from common.valkey.valkey import Valkey
from realtime.counters import Counters
from realtime.fan_out.delivery import Delivery
from realtime.fan_out.hub import Hub
from realtime.presence.presence import Presence
from realtime.sending.typists import MAX_UNPUBLISHED, Typists
from realtime.sockets.connection import Connection
from realtime.sockets.pending import PendingHandshakes
from tests.fixtures.ears import Ear
from tests.fixtures.quiet_node import QuietBus, QuietNode, Wire
from tests.unit.realtime.test_session import HANDSHAKE, text

CHAT = "01890a5d-ac96-774b-bcce-b302099a8057"
ANN = "01890a5d-ac96-774b-bcce-b302099a8058"
TYPING = b'{"type":"typing","chat":"%b","user":"%b"}' % (CHAT.encode(), ANN.encode())
TOPICS = Topics()


class Valkeys:
    """Replaces Valkey: whoever hears what is published never answers; None if it is gone."""

    topics = TOPICS

    def __init__(self, heard: list[int] | None) -> None:
        self.heard = heard
        self.bus = QuietBus()

    def publish(self, _: Any) -> "asyncio.Future[list[int] | None]":
        done: asyncio.Future[list[int] | None] = asyncio.get_running_loop().create_future()
        done.set_result(self.heard)
        return done

    async def get_fields(self, *_: Any) -> None:
        return None

    def now_ms(self) -> int:
        return 0

    def __getattr__(self, _: str) -> Callable[..., Awaitable[None]]:
        async def nothing(*_: Any, **__: Any) -> None:
            return None

        return nothing


async def test_a_handshake_that_had_to_go() -> None:
    """Its place was needed."""
    node = QuietNode()
    node.services = node.services._replace(pending=PendingHandshakes(1))
    wires = [Wire(), Wire()]
    for wire in wires:
        Connection(node.services).connection_made(cast(asyncio.Transport, wire))
    assert [wire.is_aborted for wire in wires] == [False, True]
    assert node.services.counters.drops == {"too many handshakes": 1}


def test_a_handshake_that_was_refused() -> None:
    """By its status; it is no ended socket."""
    node = QuietNode()
    refused = Connection(node.services)
    refused.connection_made(cast(asyncio.Transport, Wire()))
    refused.data_received(HANDSHAKE.replace(b"\r\n\r\n", b"\r\nOrigin: http://evil\r\n\r\n"))
    refused.connection_lost(None)
    counters = node.services.counters
    assert (counters.refused_handshakes, counters.ends) == ({"403": 1}, {})


def test_a_lost_connection_to_valkey() -> None:
    """By what ended it."""
    node = QuietNode()
    for is_up, reason in ((True, ""), (False, "silent"), (False, "closed"), (False, "silent")):
        node.fan_out.heads.notice_bus(is_up, reason)
    assert node.services.counters.bus_losses == {"silent": 2, "closed": 1}


async def test_frames_that_are_refused_silently() -> None:
    """Typing in a chat of others, and a marker that is not taken."""
    node = QuietNode()
    node.services = node.services._replace(
        markers=cast(Any, SimpleNamespace(read=lambda *_: False))
    )
    connection, _ = await node.connect_and_wait()
    connection.data_received(text({"type": "typing", "chat": CHAT}))
    connection.data_received(text({"type": "read", "chat": CHAT, "upTo": 1}))
    assert node.services.counters.drops == {"typing refused": 1, "read refused": 1}


async def test_typing_that_was_not_published() -> None:
    """Valkey is gone, or more wait for it than may."""
    counters = Counters()
    typists = Typists(cast(Valkey, Valkeys(None)), 1, counters, lambda: 0.0)
    for number in range(MAX_UNPUBLISHED + 2):
        assert typists.type(f"user {number}", CHAT)
    assert counters.drops == {"typing not published": 2}
    publishing = asyncio.create_task(typists.publish())
    await asyncio.sleep(0)
    await stop([publishing])
    assert counters.drops == {"typing not published": MAX_UNPUBLISHED + 2}


def test_typing_for_a_socket_that_reads_slowly() -> None:
    """Others get it."""
    hub, counters = Hub(lambda: 0.0), Counters()
    room, slow, quick = hub.open_room(CHAT, 1), Ear("ben"), Ear("cat")
    slow.is_slow = True
    for ear in (slow, quick):
        hub.enter(ear)
        hub.attach(ear, room)
    Delivery(hub, counters).show_typing(room, TYPING)
    assert (slow.lines, quick.lines) == ([], [TYPING])
    assert counters.drops == {"typing to a slow reader": 1}


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        (TOPICS.chat(CHAT), "bad payload"),
        (TOPICS.typing(CHAT), "bad notice"),
        (TOPICS.digest, "bad notice"),
        (TOPICS.markers, "bad notice"),
        ("canary", "bad notice"),
    ],
)
async def test_what_is_not_understood_on_the_bus(topic: str, reason: str) -> None:
    """The messages beside it are taken."""
    node = QuietNode()
    node.memberships = {CHAT: 1}
    _, wire = await node.connect_and_wait()
    if topic == "canary":
        topic = TOPICS.chat(node.fan_out.canary.id)
    beside = [b"message", TOPICS.typing(CHAT).encode(), TYPING]
    node.fan_out.relay.receive([[b"message", topic.encode(), b"\x01"], beside])
    assert node.services.counters.drops == {reason: 1}
    assert TYPING in wire.data


class Watcher:
    """A socket that waits for its list."""

    user = name = "ben"

    def __init__(self) -> None:
        self.is_answered = asyncio.Event()

    def reply(self, _: bytes) -> None:
        self.is_answered.set()


async def test_states_that_no_node_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is answered with what is known."""
    monkeypatch.setattr("realtime.presence.presence.ANSWERS_SECONDS", 0.001)
    counters, node, watcher = Counters(), QuietNode(), Watcher()

    async def companions(_: str, users: Any) -> set[str]:
        return set(users)

    presence = Presence(
        "node", Hub(lambda: 0.0), cast(Valkey, Valkeys([1])), node.fan_out.subscriptions,
        companions, 1, counters, asyncio.ensure_future, lambda: 0.0,
    )  # fmt: skip
    presence.watch(cast(Any, watcher), [ANN])
    async with asyncio.timeout(30):
        await watcher.is_answered.wait()
    assert counters.drops == {"presence not answered in time": 1}
