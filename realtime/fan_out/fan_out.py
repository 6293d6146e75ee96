"""Connects the parts that bring events of chats to the sockets: from the bus and from chats to
those that hear them. Knows no port, no setting and no socket's bytes."""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from common.calls.replicas import Replicas
from common.process.rest import NEVER, Rest
from common.valkey.topics import Topics
from common.valkey.valkey import AnyBus
from realtime.counters import Counters
from realtime.fan_out.canary import FlowCanary
from realtime.fan_out.delivery import Delivery
from realtime.fan_out.heads import Heads
from realtime.fan_out.hub import Hub
from realtime.fan_out.joining import Joiner
from realtime.fan_out.notices import Notices
from realtime.fan_out.relay import Relay
from realtime.fan_out.repair import Repair
from realtime.fan_out.rooms import Rooms
from realtime.fan_out.subscriptions import Subscriptions
from realtime.fan_out.upstream import Chats
from realtime.tasks import Spawn


class FanOut(NamedTuple):
    """The parts, for their callers; `work` is what they do by themselves."""

    bus: AnyBus
    hub: Hub
    rooms: Rooms
    subscriptions: Subscriptions
    notices: Notices
    relay: Relay
    heads: Heads
    joiner: Joiner
    canary: FlowCanary

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Background tasks that run as long as the node."""
        return [
            self.bus.run(self.relay.receive, self.heads.notice_bus),
            self.canary.run(),
            self.rooms.confirm(),
            self.rooms.sweep(),
            self.notices.sweep(),
            self.heads.compare_all(),
            self.heads.find_lost_joins(),
            self.heads.poll(),
        ]


def create_fan_out(
    node: str,
    bus: AnyBus,
    topics: Topics,
    chats: Chats,
    replicas: Replicas,
    counters: Counters,
    spawn: Spawn,
    clock: Callable[[], float],
    rest: Rest = NEVER,
) -> FanOut:
    """`node` is this process's name, `replicas` are those of chats."""
    hub = Hub(clock)
    delivery = Delivery(hub, counters)
    repair = Repair(chats.slice, delivery.take, delivery.abandon, spawn, counters)
    rooms = Rooms(hub, bus, topics, chats, repair, rest)
    subscriptions = Subscriptions(bus)
    notices = Notices(hub, rooms, chats, subscriptions, topics, spawn, rest)
    canary = FlowCanary(node, chats.commit_canary, counters, clock, rest)
    heads = Heads(hub, rooms, notices, chats, replicas, canary, counters, clock, rest)
    subscriptions.add(topics.digest, heads.receive_digest)
    subscriptions.add(topics.markers, notices.receive_markers)
    subscriptions.add(topics.chat(canary.id), canary.hear)
    return FanOut(
        bus=bus,
        hub=hub,
        rooms=rooms,
        subscriptions=subscriptions,
        notices=notices,
        relay=Relay(rooms, subscriptions, delivery, counters),
        heads=heads,
        joiner=Joiner(hub, bus, chats, rooms, notices, counters, spawn, clock),
        canary=canary,
    )
