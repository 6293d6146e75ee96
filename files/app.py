"""Assembles a files process: the only place where its parts are created."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial

from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.replicas import Replicas, watch_replicas
from common.identity.credentials import Credentials
from common.identity.gate import Gate
from common.identity.links import LinkSigner
from common.process.rest import Rest
from common.process.service import open_http
from common.process.tasks import stop
from common.process.variables import SettingsError
from common.process.web import Public
from common.valkey.shared_rates import SharedBuckets
from common.valkey.valkey import Valkey
from files.avatars import Avatars
from files.links.fetching import fetch_preview
from files.links.previewer import Previewer
from files.outside.lookups import Lookups
from files.previews import Previews
from files.push.courier import Courier
from files.routes import Routes
from files.settings import FilesSettings
from files.store import SHARDS, FileStore
from files.store_watch import StoreWatch
from files.sweep import Sweep
from files.uploads import Uploads
from files.upstream import Chats, Nodes, Users
from files.web import Web


@asynccontextmanager
async def open_files(settings: FilesSettings) -> AsyncIterator[Public]:
    """A process whose sweep and watchers run until the block ends. Raises SettingsError."""
    service = settings.service
    rest = Rest()
    async with AsyncExitStack() as stack:
        try:
            store = stack.enter_context(closing(FileStore(settings.location)))
        except ValueError as error:
            raise SettingsError(f"HUBBUB_FILES_URL: {error}") from error
        http = stack.enter_context(closing(open_http(service)))
        valkey = stack.enter_context(
            closing(Valkey(service.valkey_url, service.topic_prefix, rest))
        )
        users_replicas = Replicas("users", service.users_seeds)
        chats_replicas = Replicas("chats", service.chats_seeds)
        realtime_replicas = Replicas("realtime", service.realtime_seeds)
        users_calls = Calls(http, users_replicas)
        chats, users = Chats(Calls(http, chats_replicas)), Users(users_calls)
        credentials = Credentials(users_calls, service.name, rest=rest)
        gate = Gate(credentials)

        watch = StoreWatch(store)

        async def arrive() -> None:
            if gate.is_behind:
                await gate.catch_up()

        async def missing() -> str | None:
            return await watch.missing() or gate.missing

        previews = Previews(settings.pictures_at_once)
        uploads = Uploads(chats, store, previews, at_once=settings.max_uploads_at_once)
        pictures = store.part("avatars")
        routes = Routes(
            gate,
            SharedBuckets(valkey),
            chats,
            store,
            uploads,
            Avatars(users, pictures, previews),
            LinkSigner(settings.link_key, service.shared_key),
            service.rate_factor,
        )
        courier = Courier(
            users,
            chats,
            Nodes(Calls(http, realtime_replicas), realtime_replicas),
            settings.push_contact,
            local=settings.push == "local",
        )
        sweep = Sweep(chats, store, {pictures: users.known_avatars}, rest)
        valkey.bus.subscribe(valkey.topics.revoked)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(valkey.bus.run(credentials.hear_bus, credentials.wake)),
                tasks.create_task(watch_replicas(valkey, users_replicas, rest)),
                tasks.create_task(watch_replicas(valkey, chats_replicas, rest)),
                tasks.create_task(watch_replicas(valkey, realtime_replicas, rest)),
                tasks.create_task(credentials.watch()),
                tasks.create_task(credentials.report_uses()),
                tasks.create_task(watch.run()),
                tasks.create_task(uploads.tell()),
                tasks.create_task(sweep.run()),
                tasks.create_task(sweep.run_through(random.randrange(len(SHARDS)))),  # noqa: S311
            ]
            if settings.push != "off":
                running.append(tasks.create_task(courier.run(rest)))
            if settings.link_previews != "off":
                fetch = partial(
                    fetch_preview, lookups=Lookups(), loopback=settings.link_previews == "local"
                )
                running.append(tasks.create_task(Previewer(chats, fetch).run(rest)))
            web = Web(settings.balancer_key, routes.calls(), arrive, rest)
            yield Public(web, Health(missing), rest)
            await stop(running)
