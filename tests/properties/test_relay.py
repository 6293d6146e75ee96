"""Hub and relay together: who receives what, for any log, any bus and any time of joining."""

import asyncio
from contextlib import closing
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.protocol.chats import Control, Slice
from common.protocol.payload import Payload, pack
from common.valkey.bus import Bus
from common.valkey.topics import Topics
from realtime.counters import Counters
from realtime.fan_out.delivery import Delivery
from realtime.fan_out.hub import Hub, Joining, Room
from realtime.fan_out.relay import Relay
from realtime.fan_out.repair import Repair
from realtime.fan_out.rooms import Rooms
from realtime.fan_out.subscriptions import Subscriptions
from realtime.fan_out.upstream import Chats
from tests.fixtures.ears import Ear

USERS = ["ann", "ben", "eve"]
TOPIC = Topics().chat("chat").encode()


class Log(NamedTuple):
    """A chat's events and control entries, and what each user must receive if always connected."""

    events: list[bytes]
    controls: dict[int, Control]
    heard: dict[str, list[bytes]]


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Seq 1 creates the chat with some participants; then messages, joins and leaves follow."""
    inside = set(draw(st.sets(st.sampled_from(USERS), min_size=1)))
    events, heard = [b"created"], {user: [b"created"] if user in inside else [] for user in USERS}
    controls = {1: Control(seq=1, action="join", users=sorted(inside))}
    for seq in range(2, draw(st.integers(2, 25))):
        kind = draw(st.sampled_from(["message", "message", "join", "leave"]))
        outside = sorted(set(USERS) - inside)
        event = b"event %d" % seq
        if kind == "join" and outside:
            snapshot = b'"snapshot %d"' % seq
            controls[seq] = Control(
                seq=seq, action="join", users=outside, snapshot=msgspec.Raw(snapshot)
            )
            for user in inside:
                heard[user].append(event)
            for user in outside:
                heard[user].append(snapshot)
            inside |= set(outside)
        else:
            for user in inside:
                heard[user].append(event)
            if kind == "leave" and inside:
                leaver = draw(st.sampled_from(sorted(inside)))
                controls[seq] = Control(seq=seq, action="leave", users=[leaver])
                inside.remove(leaver)
        events.append(event)
    return Log(events, controls, heard)


def cut(log: Log, first: int, size: int) -> tuple[list[bytes], list[Control]]:
    last = min(first + size - 1, len(log.events))
    controls = [log.controls[seq] for seq in range(first, last + 1) if seq in log.controls]
    return log.events[first - 1 : last], controls


class Parts(NamedTuple):
    hub: Hub
    relay: Relay
    delivery: Delivery
    room: Room


async def fetch_nothing(_: str, __: int) -> Slice:
    raise AssertionError


async def new_parts(head: int) -> Parts:
    """A node's parts with one subscribed chat; only `repair` below fetches anything."""
    hub, counters, topics = Hub(lambda: 0.0), Counters(), Topics()
    delivery = Delivery(hub, counters)
    bus, replicas = Bus("redis://127.0.0.1:1"), Replicas("chats", ())
    with closing(HttpClient()) as http:
        chats = Chats(Calls(http, replicas), replicas)
    repair = Repair(
        fetch_nothing, delivery.take, delivery.abandon, lambda fill: fill.close(), counters
    )
    rooms = Rooms(hub, bus, topics, chats, repair)
    relay = Relay(rooms, Subscriptions(bus), delivery, counters)
    return Parts(hub, relay, delivery, rooms.open("chat", head))


def repair(log: Log, delivery: Delivery, room: Room) -> None:
    """What chats would answer for the events after the head."""
    while room.stream.head < len(log.events):
        first = room.stream.head + 1
        events, controls = cut(log, first, 7)
        delivery.take(room, Payload(first, len(events), controls, b"\n".join(events)))


bus_reads = st.lists(
    st.lists(st.tuples(st.integers(1, 25), st.integers(1, 6)), max_size=4), max_size=12
)


@given(logs(), bus_reads)
@settings(max_examples=150)
def test_everyone_hears_exactly_what_is_theirs(
    log: Log, reads: list[list[tuple[int, int]]]
) -> None:
    """Lost, duplicated, late and reordered payloads change nothing: each user's sockets get their
    events once, in order, from their joins to their leaves, with snapshots at the joins."""
    hub, relay, delivery, room = asyncio.run(new_parts(0))
    ears = [Ear(user) for user in USERS for _ in range(2)]
    for ear in ears:
        hub.enter(ear)
    for read in reads:
        messages = []
        for first, size in read:
            if first <= len(log.events):
                events, controls = cut(log, first, size)
                messages.append([b"message", TOPIC, pack(first, events, controls)])
        relay.receive(messages)
    repair(log, delivery, room)
    for ear in ears:
        assert ear.lines == log.heard[ear.user]
        assert (room in ear.rooms) == (ear in room.listeners)


@given(logs(), st.data())
@settings(max_examples=150)
def test_a_socket_that_joins_at_any_moment_hears_the_rest(log: Log, data: st.DataObject) -> None:
    """Memberships are read at one seq and attached at a later one. Given the notices in between,
    the socket gets everything its user must have from then on, and nothing above a removal."""
    entered = data.draw(st.integers(0, len(log.events)), "entered")
    read = data.draw(st.integers(entered, len(log.events)), "memberships read")
    placed = data.draw(st.integers(read, len(log.events)), "attached")
    user = data.draw(st.sampled_from(USERS))
    hub, relay, _, room = asyncio.run(new_parts(0))
    ear = Ear(user)

    def advance(seq: int) -> None:
        while room.stream.head < seq:
            events, controls = cut(log, room.stream.head + 1, 1)
            relay.receive([[b"message", TOPIC, pack(room.stream.head + 1, events, controls)]])

    advance(entered)
    joining = ear.joining = Joining()
    hub.enter(ear)
    was_in = is_inside(log, user, read)
    advance(placed)
    joining.awaited = {}
    if was_in and joining.left.get("chat", 0) <= read:
        hub.attach(ear, room)
    missed_join = not was_in and is_inside(log, user, placed)
    assert missed_join == (not was_in and "chat" in joining.joined), "a notice makes up for it"
    advance(len(log.events))
    if not missed_join:
        assert ear.lines == heard_after(log, user, placed)


def is_inside(log: Log, user: str, seq: int) -> bool:
    inside = False
    for at in range(1, seq + 1):
        control = log.controls.get(at)
        if control is not None and user in control.users:
            inside = control.action == "join"
    return inside


def heard_after(log: Log, user: str, start: int) -> list[bytes]:
    """What a user receives whose socket is attached at `start`, if they are a participant then."""
    inside = is_inside(log, user, start)
    lines = []
    for seq in range(start + 1, len(log.events) + 1):
        control = log.controls.get(seq)
        mine = control is not None and user in control.users
        if mine and control is not None and control.action == "join":
            snapshot, event = control.snapshot, log.events[seq - 1]
            lines.append(bytes(snapshot) if isinstance(snapshot, msgspec.Raw) else event)
            inside = True
        elif inside:
            lines.append(log.events[seq - 1])
            inside = not mine
    return lines
