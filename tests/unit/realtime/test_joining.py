"""A socket that joins, at chosen moments: it ends early, rooms are dropped, chats are many."""

import asyncio
import time
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from common.identity.credentials import SessionRevoked
from common.identity.tokens import Claims
from common.protocol.chats import Control, Slice
from common.protocol.close_codes import CloseCode
from common.protocol.errors import Refusal, unavailable
from realtime.fan_out import joining
from realtime.fan_out.joining import CHATS_A_FETCH, GUESTS_A_TURN, MAX_REPLAY_BYTES
from realtime.fan_out.rooms import LINGER_SECONDS, ROOMS_A_TURN
from realtime.fan_out.upstream import Memberships
from realtime.protocol.session import FRAMES_A_TURN
from realtime.sockets.connection import MAX_UNANSWERED
from tests.fixtures.quiet_node import USER, QuietNode, objects_in, until
from tests.unit.realtime.test_session import text

FIRST, SECOND = (str(UUID(int=number)) for number in (1, 2))


async def test_a_socket_that_ends_before_its_join_begins_leaves_nothing() -> None:
    """Its session is revoked between `connect` and the first step of the join's task."""
    node = QuietNode()
    node.memberships = {FIRST: 5}
    connection, _ = node.connect()
    connection.end(CloseCode.SESSION_REVOKED, "revoked")
    connection.connection_lost(None)
    for _ in range(20):
        await asyncio.sleep(0)
    hub = node.fan_out.hub
    assert [person.sockets for person in hub.people.values()] == [[]]
    assert [room.listeners for room in hub.rooms.values()] == []
    assert len(node.services.connections) == 0
    node.now += LINGER_SECONDS + 1
    assert [person.user for person in hub.take_idle_people(LINGER_SECONDS)] == [USER]


async def test_nobody_joins_before_the_node_knows_what_was_revoked_while_it_rested() -> None:
    """What a socket sends meanwhile waits; one that ends meanwhile is not checked any more."""
    node = QuietNode()
    credentials: Any = node.services.credentials
    good, asked = credentials.verify, asyncio.Event()
    credentials.is_behind, credentials.catch_up = True, asked.wait

    def find_revoked(token: str) -> Claims:
        if not asked.is_set():
            return cast(Claims, good(token))
        raise SessionRevoked

    credentials.verify = find_revoked
    _, wire = node.connect()
    ended, _ = node.connect()
    ended.end(CloseCode.DRAINING, "1")
    for _ in range(20):
        await asyncio.sleep(0)
    assert objects_in(wire) == []
    asked.set()
    await until(lambda: CloseCode.SESSION_REVOKED.to_bytes(2) in wire.data)
    assert objects_in(wire) == []
    assert not node.fan_out.hub.people
    credentials.verify, credentials.is_behind = good, False
    await node.connect_and_wait()


async def test_a_token_is_accepted_once_users_knows_that_it_is_in_use() -> None:
    """Otherwise an older refresh token could be used after `ready` or `refreshed`. Other frames do
    not wait; a socket whose session is revoked meanwhile ends."""
    node = QuietNode()
    credentials: Any = node.services.credentials
    told = asyncio.Event()
    credentials.is_untold = lambda _: not told.is_set()
    credentials.wait_until_told = lambda _: told.wait()
    _, ended = node.connect()
    node.services.connections.end_sessions(["session"])
    assert CloseCode.SESSION_REVOKED.to_bytes(2) in ended.data
    connection, wire = node.connect()
    for _ in range(20):
        await asyncio.sleep(0)
    assert objects_in(wire) == []
    told.set()
    await until(lambda: b'"ready"' in wire.data)
    assert objects_in(ended) == []
    told.clear()
    connection.data_received(text({"type": "refresh", "token": "t"}) + text({"type": "ping"}))
    for _ in range(20):
        await asyncio.sleep(0)
    assert [said["type"] for said in objects_in(wire)] == ["ready", "pong"]
    told.set()
    await until(lambda: b'"refreshed"' in wire.data)


async def test_the_token_that_expires_last_counts_whichever_is_accepted_last() -> None:
    """Of two refreshes the older token may wait for users; both answers have the newer expiry."""
    node = QuietNode()
    credentials: Any = node.services.credentials
    lives, told = {"t": 600, "older": 30, "newer": 900}, asyncio.Event()
    credentials.verify = lambda token: Claims(
        USER, "session", lives[token], int(time.time()) + lives[token]
    )
    connection, wire = await node.connect_and_wait()
    credentials.is_untold = lambda claims: claims.generation == lives["older"] and not told.is_set()
    credentials.wait_until_told = lambda _: told.wait()
    for token in ("older", "newer"):
        connection.data_received(text({"type": "refresh", "token": token}))
    told.set()
    await until(lambda: wire.data.count(b'"refreshed"') == 2)
    connection.tick()
    _, *answers = objects_in(wire)
    assert [answer["type"] for answer in answers] == ["refreshed", "refreshed"]
    assert [answer["expiresIn"] for answer in answers] == pytest.approx([900, 900], abs=2)


async def test_nothing_is_read_from_a_socket_with_many_refreshes_that_wait() -> None:
    """They are bounded like sends, and each is answered."""
    node = QuietNode()
    credentials: Any = node.services.credentials
    connection, wire = await node.connect_and_wait()
    waiting, told = 0, asyncio.Event()

    async def wait_until_told(_: Claims) -> None:
        nonlocal waiting
        waiting += 1
        await told.wait()

    credentials.is_untold = lambda _: not told.is_set()
    credentials.wait_until_told = wait_until_told
    connection.data_received(text({"type": "refresh", "token": "t"}) * 1_000)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not wire.is_reading
    assert waiting < MAX_UNANSWERED + FRAMES_A_TURN
    told.set()
    await until(lambda: wire.data.count(b'"refreshed"') == 1_000)
    assert wire.is_reading


async def test_a_room_is_kept_while_a_socket_joins_it() -> None:
    """A room due for a sweep stays while a joining socket waits for its stream, so `ready` names
    every chat."""
    node = QuietNode()
    node.memberships = {FIRST: 5, SECOND: 5}
    answers: dict[str, asyncio.Future[None]] = {}

    async def fetch(chat: str, after: int) -> Slice:
        answers[chat] = asyncio.get_running_loop().create_future()
        await answers[chat]
        return Slice(chat=chat, after=after, events=[msgspec.Raw(b"{}")], controls=[], head=5)

    node.fetch = fetch
    rooms = node.fan_out.rooms
    for chat in (FIRST, SECOND):
        rooms.open(chat, 4)
    node.now += LINGER_SECONDS + 1
    connection, wire = node.connect()
    await until(lambda: len(answers) == 2)
    for chat in (SECOND, FIRST):  # one is there already while the other is pending
        answers[chat].set_result(None)
        await asyncio.sleep(0)
        await rooms.drop_idle(LINGER_SECONDS)
    await until(lambda: b'"ready"' in wire.data)
    assert objects_in(wire)[0]["chats"] == {FIRST: 5, SECOND: 5}
    assert len(connection.rooms) == 2
    connection.end(CloseCode.DRAINING, "1")
    node.now += LINGER_SECONDS + 1
    await rooms.drop_idle(LINGER_SECONDS)
    assert rooms.find_all() == []


async def test_a_socket_of_many_chats_joins_and_its_rooms_go_in_slices() -> None:
    """At most a fixed number of rooms are opened, attached or dropped in one turn of the loop."""
    node = QuietNode()
    node.memberships = {str(UUID(int=number)): 5 for number in range(1, 3_000)}
    most = 0

    async def watch() -> None:
        nonlocal most
        before, hub = 0, node.fan_out.hub
        while True:
            most = max(most, abs(len(hub.rooms) - before))
            before = len(hub.rooms)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    connection, wire = await node.connect_and_wait()
    assert objects_in(wire)[0]["chats"] == node.memberships
    connection.end(CloseCode.DRAINING, "1")
    node.now += LINGER_SECONDS + 1
    await node.fan_out.rooms.drop_idle(LINGER_SECONDS)
    assert node.fan_out.rooms.find_all() == []
    watching.cancel()
    assert most <= ROOMS_A_TURN


async def test_a_room_that_is_opened_while_rooms_are_swept_is_heard() -> None:
    """Between two slices of a sweep a restore drops all rooms, and a user joins again."""
    node = QuietNode()
    rooms = node.fan_out.rooms
    chats = [str(UUID(int=number)) for number in range(1, ROOMS_A_TURN + 2)]
    for chat in chats:
        rooms.open(chat, 4)
    node.now += LINGER_SECONDS + 1
    sweeping = asyncio.create_task(rooms.drop_idle(LINGER_SECONDS))
    await asyncio.sleep(0)
    rooms.drop_all()
    again = rooms.open(chats[-1], 1)
    await sweeping
    assert rooms.find_all() == [again]
    assert list(rooms.by_topic.values()) == [again]


async def test_a_join_between_two_slices_is_not_lost() -> None:
    """A user is removed from a chat and added again while their other chats are attached."""
    node = QuietNode()
    node.memberships = {str(UUID(int=number)): 5 for number in range(1, 2 * ROOMS_A_TURN)}
    connection, wire = node.connect()
    hub = node.fan_out.hub
    await until(lambda: FIRST in hub.rooms)
    room, last = hub.rooms[FIRST], str(UUID(int=2 * ROOMS_A_TURN - 1))
    assert room in connection.rooms
    assert last not in hub.rooms
    hub.dismiss(room, [USER], 7)
    assert hub.newcomers(room, [USER], 9) == [connection]
    late = hub.open_room(last, 9)  # by another socket, and everything happened in it meanwhile
    hub.dismiss(late, [USER], 7)
    assert hub.newcomers(late, [USER], 9) == [connection]
    await until(lambda: b'"ready"' in wire.data)
    assert {room, late} <= connection.rooms


async def test_a_chat_joined_while_nothing_was_heard_is_found_again() -> None:
    """After an outage memberships are read again; the socket gets the chat from its join on."""
    node = QuietNode()
    node.memberships = {FIRST: 5}
    connection, wire = await node.connect_and_wait()
    node.memberships = {FIRST: 5, SECOND: 8}
    node.joined_at = {SECOND: 7}

    async def fetch(chat: str, after: int) -> Slice:
        join = Control(seq=7, action="join", users=[USER], snapshot=msgspec.Raw(b'{"seq":7}'))
        events = [msgspec.Raw(b'{"seq":%d,"plain":true}' % seq) for seq in (7, 8)]
        assert (chat, after) == (SECOND, 6)
        return Slice(chat=chat, after=after, events=events, controls=[join], head=8)

    node.fetch = fetch
    await node.fan_out.notices.find_lost_joins()
    await until(lambda: len(connection.rooms) == 2)
    assert objects_in(wire)[1:] == [{"seq": 7}, {"seq": 8, "plain": True}]


@pytest.mark.parametrize("chats", [1, ROOMS_A_TURN // 2 - 1])
async def test_who_comes_together_shares_a_question_and_has_turns(chats: int) -> None:
    """Sockets of one turn send one request to the bus; of many that are ready at once, one turn
    handles up to its limit, and fewer if each has many chats."""
    node = QuietNode()
    node.memberships = {str(UUID(int=number)): 5 for number in range(1, chats + 1)}
    wires = [node.connect()[1] for _ in range(90)]
    steps, ready = [], 0
    async with asyncio.timeout(30):
        while ready < len(wires):
            await asyncio.sleep(0)
            now = sum(b'"ready"' in wire.data for wire in wires)
            steps.append(now - ready)
            ready = now
    assert node.bus.pings == 1
    assert max(steps) == (GUESTS_A_TURN if chats == 1 else 3)
    assert [objects_in(wire)[0]["chats"] for wire in wires] == [node.memberships] * 90


async def test_who_comes_while_the_bus_is_asked_waits_for_the_next_answer() -> None:
    """Their subscriptions come after the ping in progress."""
    node = QuietNode()
    node.connect()
    await asyncio.sleep(0)
    assert node.bus.pings == 1
    others = [node.connect()[1] for _ in range(2)]
    await until(lambda: all(b'"ready"' in wire.data for wire in others))
    assert node.bus.pings == 2


async def test_chats_that_refuses_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it answers, or until a join has taken too long."""
    monkeypatch.setattr(joining, "RETRY_SECONDS", 0)
    node = QuietNode()
    refused = 0

    def refuse_twice() -> Memberships | Refusal:
        nonlocal refused
        refused += 1
        return unavailable() if refused <= 2 else Memberships({FIRST: 5}, {})

    node.tell = refuse_twice
    _, wire = await node.connect_and_wait()
    assert objects_in(wire)[0]["chats"] == {FIRST: 5}
    node.tell = unavailable
    connection, wire = node.connect()
    await asyncio.sleep(0)
    monkeypatch.setattr(joining, "JOIN_TIMEOUT_SECONDS", 0)
    await until(lambda: connection._session.end_code == CloseCode.INTERNAL_ERROR)
    assert b'"ready"' not in wire.data


async def test_a_join_that_fails_ends_its_socket_alone() -> None:
    """Whatever chats has answered for one user."""
    node = QuietNode()
    told = iter([Memberships({FIRST: 5}, {}), cast(Memberships, None), Memberships({FIRST: 5}, {})])
    node.tell = lambda: next(told)
    sockets = [node.connect() for _ in range(3)]
    await until(lambda: sockets[1][0]._session.end_code == CloseCode.INTERNAL_ERROR)
    await until(lambda: all(b'"ready"' in sockets[n][1].data for n in (0, 2)))
    assert [person.sockets for person in node.fan_out.hub.people.values()] == [
        [sockets[0][0], sockets[2][0]]
    ]


@pytest.mark.parametrize(("size", "replayed"), [(1_000, 600), (50_000, 20), (250_000, 4)])
async def test_a_resume_fetches_little_more_than_it_gives(size: int, replayed: int) -> None:
    """A few chats at a time, and none after more than a socket gets; the rest is `behind`."""
    node = QuietNode()
    node.memberships = {str(UUID(int=number)): 2 for number in range(1, 601)}
    event = b'{"text":"%b"}' % (b"x" * (size - 11))
    asked = waiting = most = 0

    async def fetch(chat: str, after: int) -> Slice:
        nonlocal asked, waiting, most
        asked, waiting = asked + 1, waiting + 1
        most = max(most, waiting)
        await asyncio.sleep(0)
        waiting -= 1
        return Slice(chat=chat, after=after, events=[msgspec.Raw(event)], controls=[], head=2)

    node.fetch = fetch
    _, wire = await node.connect_and_wait(resume=dict.fromkeys(node.memberships, 1))
    ready, *events = objects_in(wire)
    assert len(events) == replayed == 600 - len(ready["behind"])
    assert most == CHATS_A_FETCH
    assert asked * size <= MAX_REPLAY_BYTES + CHATS_A_FETCH * size


async def test_chats_that_miss_few_events_are_replayed_beside_those_that_miss_many() -> None:
    """Even if these come first in `resume` and exceed what a socket gets."""
    node = QuietNode()
    many = [str(UUID(int=number)) for number in range(1, CHATS_A_FETCH + 1)]
    few = [str(UUID(int=number)) for number in range(CHATS_A_FETCH + 1, CHATS_A_FETCH + 31)]
    node.memberships = dict.fromkeys(many, 100) | dict.fromkeys(few, 1)

    async def fetch(chat: str, after: int) -> Slice:
        head = node.memberships[chat]
        events = [msgspec.Raw(b'{"text":"%b"}' % (b"x" * 2_000))] * head
        return Slice(chat=chat, after=after, events=events, controls=[], head=head)

    node.fetch = fetch
    _, wire = await node.connect_and_wait(resume=dict.fromkeys([*many, *few], 0))
    ready, *events = objects_in(wire)
    assert set(ready["behind"]) < set(many)
    assert len(events) == len(few) + 100 * (len(many) - len(ready["behind"]))
