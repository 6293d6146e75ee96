"""Puts a realtime process together: the only place where its parts are made."""

import asyncio
import logging
import resource
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import prometheus_client

from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas, announce_replica, watch_replicas
from common.identity.credentials import Credentials
from common.process.logs import log
from common.process.tasks import stop
from common.valkey.bus import Bus
from common.valkey.client import connect_valkey
from common.valkey.pipeline import ValkeyPipeline
from common.valkey.shared_rates import SharedBuckets
from common.valkey.topics import Topics
from realtime.admission import Admission
from realtime.canary import BusCanary, FlowCanary
from realtime.connection import Connection, Services
from realtime.counters import Counters
from realtime.heads import Heads
from realtime.hub import Hub
from realtime.joining import Joiner
from realtime.keepalive import Wheel
from realtime.metrics import NodeCollector
from realtime.notices import Notices
from realtime.pending import PendingHandshakes
from realtime.relay import Relay
from realtime.repair import Repair
from realtime.sends import Sends
from realtime.server import end_sessions, send_away, turn_wheel
from realtime.settings import RealtimeSettings
from realtime.subscriptions import Subscriptions
from realtime.typists import Typists
from realtime.upstream import Chats

SPARE_DESCRIPTORS = 200  # calls to services, the bus, logs


class Tasks:
    """Tasks that come and go; a bug in one is logged, and kills no other."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finish)

    async def stop(self) -> None:
        await stop(self._running)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logging.getLogger("hubbub").error("task failed", exc_info=error)


class Node:
    """A running realtime process without its ports. `stop_announcing` withdraws its lease."""

    def __init__(self, services: Services, health: Health, announcing: asyncio.Task[None]) -> None:
        self.services = services
        self.health = health
        self._announcing = announcing

    async def withdraw(self) -> None:
        """Callers look for another node from now on."""
        await stop([self._announcing])


@asynccontextmanager
async def open_node(settings: RealtimeSettings) -> AsyncIterator[Node]:
    """A node whose watchers run until the block ends."""
    service = settings.service
    topics = Topics(service.topic_prefix)
    counters = Counters()
    clock = time.monotonic
    hub = Hub(clock)
    tasks = Tasks()
    connections: set[Connection] = set()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(tasks.stop)
        http = stack.enter_context(closing(HttpClient(service.service_key)))
        valkey = connect_valkey(service.valkey_url)
        stack.push_async_callback(valkey.aclose)
        users_replicas = Replicas("users", service.users_seeds)
        chats_replicas = Replicas("chats", service.chats_seeds)

        def forget_everything(epoch: str) -> None:
            # The database was restored: nothing that was said before holds, clients start anew.
            log("new epoch, ending all sockets", epoch=epoch)
            for connection in list(connections):
                send_away(connection)
            for room in list(hub.rooms.values()):
                del hub.rooms[room.chat]
                subscriptions.drop_room(room)

        chats = Chats(Calls(http, chats_replicas), chats_replicas, forget_everything)
        repair = Repair(
            chats.slice, lambda room, payload: relay.take(room, payload), tasks.spawn, counters
        )
        relay = Relay(hub, repair.want, counters)
        notices = Notices(
            hub, chats, repair, tasks.spawn, lambda c, s: subscriptions.open_room(c, s)
        )
        heads = Heads(hub, chats, repair, notices.join)

        def bus_changed(is_up: bool, reason: str) -> None:
            if not is_up:
                counters.bus_losses[reason] += 1
            heads.notice_bus(is_up)

        bus = Bus(service.valkey_url, relay.receive, bus_changed)
        subscriptions = Subscriptions(bus, hub, relay, topics, heads.compare, notices.receive)
        canary_topic = topics.canary(service.name)
        line = stack.enter_context(closing(ValkeyPipeline(service.valkey_url)))
        bus_canary = BusCanary(bus, valkey, canary_topic)
        flow_canary = FlowCanary(service.name, chats.store_song, counters)
        typists = Typists(line, topics, service.rate_factor, counters)
        credentials = Credentials(
            Calls(http, users_replicas),
            service.name,
            lambda sessions: end_sessions(services, sessions),
        )
        for topic, handler in (
            (topics.digest, heads.receive_digest),
            (topics.revoked, credentials.wake),
            (canary_topic, bus_canary.hear),
            (topics.chat(flow_canary.id), flow_canary.hear),
        ):
            relay.handlers[topic.encode()] = handler
            bus.subscribe(topic)
        heads.notice_bus(False)
        services = Services(
            settings=settings,
            admission=Admission(
                max_sockets=raise_descriptor_limit() - SPARE_DESCRIPTORS,
                max_an_address=settings.max_sockets_an_address,
                max_a_user=settings.max_sockets_a_user,
            ),
            credentials=credentials,
            hub=hub,
            joiner=Joiner(hub, bus, chats, repair, subscriptions, notices, counters),
            sends=Sends(chats.sends, SharedBuckets(line, topics), service.rate_factor, counters),
            typists=typists,
            wheel=Wheel(clock),
            pending=PendingHandshakes(settings.max_pending_handshakes),
            counters=counters,
            connections=connections,
            clock=clock,
            spawn=tasks.spawn,
        )

        async def missing() -> str | None:
            if credentials.missing:
                return credentials.missing
            return None if await chats.can_answer() else "chats"

        collector = NodeCollector(
            counters,
            {
                "sockets": ("Open sockets.", lambda: services.admission.sockets),
                "handshakes": ("Unfinished handshakes.", lambda: len(services.pending)),
                "rooms": ("Chats heard here.", lambda: len(hub.rooms)),
                "people": ("People with a socket here.", lambda: len(hub.people)),
                "subscriptions": ("Topics wanted of the bus.", lambda: bus.subscriptions),
                "bus_up": ("1 while the bus carries.", lambda: bus.is_up),
                "unsent_bytes": (
                    "Written and not yet taken by the kernel, of all sockets.",
                    lambda: sum(connection.unsent_bytes for connection in connections),
                ),
                "canary_silent_seconds": (
                    "Since a song came back the whole way.",
                    lambda: flow_canary.silent_seconds,
                ),
            },
            {
                "send_calls": ("Calls for sends.", lambda: chats.sends.calls),
                "send_items": ("Sends in these calls.", lambda: chats.sends.items),
            },
        )
        prometheus_client.REGISTRY.register(collector)
        stack.callback(prometheus_client.REGISTRY.unregister, collector)
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(work)
                for work in (
                    watch_replicas(valkey, topics.replicas("users"), users_replicas),
                    watch_replicas(valkey, topics.replicas("chats"), chats_replicas),
                    credentials.watch(),
                    credentials.report_uses(),
                    bus.run(),
                    bus_canary.sing(),
                    flow_canary.sing(),
                    subscriptions.confirm(),
                    subscriptions.sweep(clock),
                    heads.compare_all(),
                    heads.poll(),
                    typists.publish(),
                    turn_wheel(services),
                )
            ]
            address = (service.metrics_listen or service.listen).address
            announcing = group.create_task(
                announce_replica(valkey, topics.replicas("realtime"), address)
            )
            yield Node(services, Health(missing, flow_canary.describe), announcing)
            await stop([*running, announcing])


def raise_descriptor_limit() -> int:
    """As many open files as the system allows us; each socket is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
