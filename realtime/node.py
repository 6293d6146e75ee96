"""Assembles a realtime process: the only place where its parts are created."""

import asyncio
import resource
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import NamedTuple

import prometheus_client

from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.replicas import Replicas, announce_replica, read_replicas, watch_replicas
from common.identity.credentials import Credentials
from common.process.rest import Rest
from common.process.service import open_http
from common.process.tasks import stop
from common.valkey.shared_rates import SharedBuckets
from common.valkey.valkey import Valkey
from realtime.counters import Counters
from realtime.fan_out.canary import BusCanary
from realtime.fan_out.fan_out import create_fan_out
from realtime.fan_out.upstream import Chats
from realtime.metrics import NodeCollector
from realtime.presence.presence import Presence
from realtime.sending.markers import Markers
from realtime.sending.sends import Sends
from realtime.sending.typists import Typists
from realtime.settings import RealtimeSettings
from realtime.sockets.admission import Admission
from realtime.sockets.connections import Connections
from realtime.sockets.keepalive import Wheel
from realtime.sockets.pending import PendingHandshakes
from realtime.sockets.server import turn_wheel
from realtime.sockets.services import Services
from realtime.tasks import Tasks

SPARE_DESCRIPTORS = 200  # calls to services, the bus, logs


class Node:
    """A running realtime process without its ports. `withdraw` gives up its lease."""

    def __init__(
        self, services: Services, health: Health, rest: Rest, announcing: asyncio.Task[None]
    ) -> None:
        self.services = services
        self.health = health
        self.rest = rest
        self._announcing = announcing

    async def withdraw(self) -> None:
        """From now on callers look for another node."""
        await stop([self._announcing])


class _Outside(NamedTuple):
    """The node's connections to other processes."""

    valkey: Valkey
    users: Replicas
    chats: Replicas
    users_calls: Calls
    chats_calls: Calls


@asynccontextmanager
async def open_node(settings: RealtimeSettings) -> AsyncIterator[Node]:
    """A node whose background tasks run until the block ends."""
    service = settings.service
    clock = time.monotonic
    rest = Rest()
    counters = Counters()
    connections = Connections()
    tasks = Tasks()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(tasks.stop)
        outside = _open_outside(settings, stack, rest)
        valkey, topics = outside.valkey, outside.valkey.topics
        chats = Chats(outside.chats_calls, outside.chats)
        credentials = Credentials(outside.users_calls, service.name, connections.end_sessions, rest)
        fan_out = create_fan_out(
            service.name,
            valkey.bus,
            topics,
            chats,
            outside.chats,
            counters,
            tasks.spawn,
            clock,
            rest,
        )
        markers = Markers(
            chats.move_markers, chats.preferred, fan_out.hub, service.rate_factor, counters
        )
        # Nothing from before a restore is valid: clients start over.
        chats.call_on_restore(connections.send_all_away)
        chats.call_on_restore(fan_out.rooms.drop_all)
        bus_canary = BusCanary(valkey, topics.canary(service.name), rest)
        fan_out.subscriptions.add(topics.canary(service.name), bus_canary.hear)
        fan_out.subscriptions.add(topics.revoked, credentials.hear)
        process = secrets.token_hex(4)
        presence = Presence(
            process, fan_out.hub, valkey, fan_out.subscriptions, chats.companions,
            service.rate_factor, counters, tasks.spawn, clock, rest,
        )  # fmt: skip
        typists = Typists(valkey, service.rate_factor, counters)
        services = Services(
            process=process,
            settings=settings,
            admission=Admission(
                max_sockets=raise_descriptor_limit() - SPARE_DESCRIPTORS,
                max_an_address=settings.max_sockets_an_address,
                max_a_user=settings.max_sockets_a_user,
            ),
            credentials=credentials,
            hub=fan_out.hub,
            joiner=fan_out.joiner,
            sends=Sends(chats.sends, SharedBuckets(valkey), service.rate_factor, counters),
            typists=typists,
            markers=markers,
            presence=presence,
            wheel=Wheel(clock),
            pending=PendingHandshakes(settings.max_pending_handshakes),
            counters=counters,
            connections=connections,
            clock=clock,
            spawn=tasks.spawn,
            rest=rest,
        )
        collector = NodeCollector(services, fan_out, chats)
        prometheus_client.REGISTRY.register(collector)
        stack.callback(prometheus_client.REGISTRY.unregister, collector)

        async def missing() -> str | None:
            if credentials.missing:
                return credentials.missing
            if await chats.can_answer():
                return None
            # At rest the list is up to 2 s old: those on it may have been replaced.
            await read_replicas(valkey, outside.chats)
            return None if await chats.can_answer() else "chats"

        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(work)
                for work in (
                    watch_replicas(valkey, outside.users, rest),
                    watch_replicas(valkey, outside.chats, rest),
                    credentials.watch(),
                    credentials.report_uses(),
                    *fan_out.work(),
                    bus_canary.run(),
                    typists.publish(),
                    presence.run(),
                    turn_wheel(services),
                )
            ]
            announcing = group.create_task(
                announce_replica(valkey, "realtime", service.advertise, rest)
            )
            yield Node(services, Health(missing, fan_out.canary.describe), rest, announcing)
            await stop([*running, announcing])


def _open_outside(settings: RealtimeSettings, stack: AsyncExitStack, rest: Rest) -> _Outside:
    """Closed with the stack; connects only on use."""
    service = settings.service
    http = stack.enter_context(closing(open_http(service)))
    users, chats = Replicas("users", service.users_seeds), Replicas("chats", service.chats_seeds)
    return _Outside(
        valkey=stack.enter_context(closing(Valkey(service.valkey_url, service.topic_prefix, rest))),
        users=users,
        chats=chats,
        users_calls=Calls(http, users),
        chats_calls=Calls(http, chats),
    )


def raise_descriptor_limit() -> int:
    """As many open files as the system allows us; each socket is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
