"""Builds the chats service: the only place where its parts are created and connected."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from chats.background import (
    CLEANUP_AT_REST_SECONDS,
    CLEANUP_SECONDS,
    DIGEST_SECONDS,
    MEASURE_AT_REST_SECONDS,
    cleanups,
    publish_digest,
)
from chats.calls import create_calls
from chats.links.feeder import FEED_SECONDS as LINKS_SECONDS
from chats.links.feeder import LinkFeeder
from chats.log.announce import Announcer
from chats.log.appending import Appender
from chats.log.digest import RecentChanges
from chats.log.outbox import MARK_SECONDS, SWEEP_SECONDS, Publisher, Sweep
from chats.log.window import Window
from chats.membership.coordinator import FORGET_SECONDS, Coordinator
from chats.metrics import BACKGROUND_FAILED
from chats.own.markers import Markers
from chats.own.read_cache import ReadCache
from chats.own.state import OwnSettings
from chats.push.feeder import OFFER_SECONDS, PushFeeder
from chats.search.feeder import FEED_SECONDS, SearchFeeder
from chats.settings import ChatsSettings
from chats.store.chats import read_epoch
from chats.store.query import PLAN_OPTIONS
from chats.store.timeline import settle_timeline
from common.calls.callers import KnownCallers
from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.replicas import Replicas, announce_replica, watch_replicas
from common.calls.service import CallService
from common.database.failures import DatabaseUnavailable
from common.database.pool import Connection, create_pool
from common.database.primary import Primary, ServerFacts, Verdict
from common.process.rest import NEVER, Rest
from common.process.rounds import repeat
from common.process.service import Service, open_http
from common.process.tasks import start, stop
from common.valkey.valkey import Valkey


def create_chats(settings: ChatsSettings) -> Service:
    """Needs a running loop; connects to nothing before it runs, and closes everything when it ends.
    The database must be migrated."""
    service = settings.service
    rest = Rest()
    valkey = Valkey(service.valkey_url, service.topic_prefix, rest)
    window = Window(max_bytes=settings.window_bytes, max_bytes_a_chat=settings.window_bytes_a_chat)
    recent = RecentChanges(service.advertise)
    primary = Primary()

    async def arrive(connection: Connection, seen: ServerFacts, verdict: Verdict) -> None:
        await settle_timeline(connection, seen, verdict)
        window.clear()
        recent.move_to(seen.timeline)
        sweep.begin_anew()

    pool = create_pool(
        settings.database_url,
        size=settings.pool_size,
        options=PLAN_OPTIONS,
        primary=primary,
        arrive=arrive,
    )
    http = open_http(service)
    users = Replicas("users", service.users_seeds)
    lease: list[asyncio.Task[None]] = []

    publisher = Publisher(valkey, pool)
    sweep = Sweep(pool, publisher, recent)
    feeder = SearchFeeder(pool)
    users_calls = Calls(http, users)
    pushes = PushFeeder(pool, users_calls)
    links = LinkFeeder(pool) if settings.link_previews != "off" else None
    announcer = Announcer(window, recent, publisher, feeder, pushes, links)
    appender = Appender(pool, announcer)
    coordinator = Coordinator(pool, users_calls, announcer)

    async def ready() -> str | None:
        try:
            await read_epoch(pool)
        except DatabaseUnavailable:
            return "the database"
        return None

    async def measure() -> None:
        await sweep.measure()
        await primary.look(pool)

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[None]:
        await pool.open()
        again = partial(repeat, failed=BACKGROUND_FAILED, rest=rest)
        seldom = partial(again, at_rest=CLEANUP_AT_REST_SECONDS)
        lease.append(start(announce_replica(valkey, "chats", service.advertise, rest)))
        work = [
            start(watch_replicas(valkey, users, rest)),
            start(users_calls.watch(rest)),
            # It waits by itself, so it must not keep the turn.
            start(again("mark published", MARK_SECONDS, publisher.mark_when_published, rest=NEVER)),
            start(again("forget", FORGET_SECONDS, coordinator.forget_acknowledged)),
            start(again("sweep", SWEEP_SECONDS, sweep.run)),
            # Messages go on when these fail, whatever the reason.
            start(again("feed search", FEED_SECONDS, feeder.run, survives=Exception)),
            start(again("offer pushes", OFFER_SECONDS, pushes.run, survives=Exception)),
            start(again("measure", DIGEST_SECONDS, measure, at_rest=MEASURE_AT_REST_SECONDS)),
            start(
                again(
                    "digest",
                    DIGEST_SECONDS,
                    lambda: publish_digest(valkey.topics.digest, recent, publisher, rest),
                )
            ),
            start(seldom("left over", CLEANUP_SECONDS, coordinator.finish_left_over)),
            *(start(seldom(of, CLEANUP_SECONDS, drop)) for of, drop in cleanups(pool).items()),
        ]
        if links is not None:
            work.append(start(again("feed links", LINKS_SECONDS, links.run, survives=Exception)))
        try:
            yield
            await appender.drain()
            await coordinator.drain()
        finally:
            await stop([*lease, *work])
            await feeder.stop()
            with contextlib.suppress(DatabaseUnavailable):  # another replica sweeps it up
                await publisher.mark_published()
                await coordinator.forget_acknowledged()
            await pool.close()
            http.close()
            valkey.close()

    async def withdraw() -> None:
        await stop(lease)

    health = Health(ready, primary.describe)
    calls = create_calls(
        pool,
        appender,
        coordinator,
        window,
        recent,
        publisher,
        Markers(pool, valkey),
        OwnSettings(pool, valkey),
        ReadCache(),
        feeder,
    )
    callers = KnownCallers(settings.callers, service.shared_key)
    served = CallService(calls, health, callers, rest, unavailable_on=DatabaseUnavailable)
    return Service(service, served, health, running, withdraw, rest)
