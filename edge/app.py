"""Assembles an edge process: the only place where its parts are created."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import cache
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar, Response
from litestar.routes import HTTPRoute

from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.replicas import Replicas, read_replicas, watch_replicas
from common.identity.credentials import Credentials
from common.identity.gate import Gate
from common.identity.links import LinkSigner
from common.process.memory_cache import MemoryCache
from common.process.rest import NEVER, Rest
from common.process.service import open_http
from common.process.tasks import stop
from common.process.web import Public
from common.valkey.shared_rates import SharedBuckets
from common.valkey.valkey import Valkey
from edge.admission import Admission
from edge.appends import Appends
from edge.asyncapi import describe_socket
from edge.cache.nodes import CacheNodes
from edge.http.answer import JSON
from edge.http.balancer import Balancer
from edge.http.cookies import SessionCookie
from edge.http.endpoint import ENCODED, RESPOND, create_endpoints
from edge.http.front import Front, Route, RouteTable
from edge.http.refusals import answer_error
from edge.http.request import AnyRequest
from edge.http.served import serves_of
from edge.known_addresses import KnownAddresses
from edge.limits import Limits
from edge.openapi import describe_api
from edge.operations import OPERATIONS
from edge.overview import Overview
from edge.readiness import Readiness
from edge.reads import CachedReads, DirectReads
from edge.routes.accounts import AccountRoutes
from edge.routes.administration import AdministrationRoutes
from edge.routes.changes import ChangeRoutes
from edge.routes.chats import ChatRoutes
from edge.routes.descriptions import DescriptionRoutes
from edge.routes.files import FileRoutes
from edge.routes.health import HealthRoutes
from edge.routes.instance import InstanceRoutes
from edge.routes.invitations import InvitationRoutes
from edge.routes.messages import MessageRoutes
from edge.routes.overview import OverviewRoutes
from edge.routes.own import OwnRoutes
from edge.routes.pages import PAGES, create_page_routes, page_headers
from edge.routes.profiles import ProfileRoutes
from edge.routes.push import PushRoutes
from edge.routes.search import SearchRoutes
from edge.routes.sessions import SessionRoutes
from edge.settings import EdgeSettings
from edge.site import File, make_file, read_site
from edge.turns import Turns
from edge.upstream import Administration, Chats, Users


@asynccontextmanager
async def open_edge(settings: EdgeSettings) -> AsyncIterator[Public]:
    """An edge whose watchers run until the block ends."""
    service = settings.service
    rest = Rest()
    async with AsyncExitStack() as stack:
        http = stack.enter_context(closing(open_http(service)))
        valkey = stack.enter_context(
            closing(Valkey(service.valkey_url, service.topic_prefix, rest))
        )
        users_replicas = Replicas("users", service.users_seeds)
        chats_replicas = Replicas("chats", service.chats_seeds)
        realtime_replicas = Replicas("realtime", service.realtime_seeds)
        all_replicas = (users_replicas, chats_replicas, realtime_replicas)
        users_calls = Calls(http, users_replicas)
        chats_calls = Calls(http, chats_replicas)
        realtime_calls = Calls(http, realtime_replicas)
        credentials = Credentials(users_calls, service.name, rest=rest)
        gate = Gate(credentials)

        async def process_missing() -> str | None:
            return gate.missing

        health = Health(process_missing)

        async def read_both() -> None:
            await asyncio.gather(
                read_replicas(valkey, chats_replicas), read_replicas(valkey, realtime_replicas)
            )

        readiness = Readiness(gate, chats_calls, realtime_calls, read_both)
        balancer = Balancer(settings.balancer_key)
        limits = Limits(SharedBuckets(valkey), KnownAddresses(valkey), service.rate_factor)
        chats, users = Chats(chats_calls), Users(users_calls)
        administration = Administration(users_calls)
        appends = Appends(chats_calls)
        direct = DirectReads(chats, users)
        nodes = CacheNodes(settings.cache_urls)
        stack.push_async_callback(nodes.close)
        memory = MemoryCache(settings.memory_bytes)
        turns = Turns()
        cached = CachedReads(chats_calls, users_calls, direct, memory, nodes)
        reads = cached if settings.caches else direct
        cookie = SessionCookie(https=settings.https, origins=settings.origins)
        files, documents = make_files()
        headers = page_headers(settings.origins)
        resources = (
            AccountRoutes(gate, users, administration, limits, balancer, cookie),
            SessionRoutes(gate, users, cookie),
            ProfileRoutes(gate, users, reads, limits),
            PushRoutes(users),
            ChatRoutes(chats, reads, limits),
            MessageRoutes(chats, reads, appends),
            ChangeRoutes(appends, limits),
            FileRoutes(chats, LinkSigner(settings.link_key, service.shared_key)),
            OwnRoutes(chats),
            InstanceRoutes(administration),
            OverviewRoutes(Overview(http, valkey, nodes, users_calls, chats_calls, all_replicas)),
            InvitationRoutes(administration, settings.public_url),
            AdministrationRoutes(gate, administration, balancer, settings.public_url),
            SearchRoutes(chats),
            HealthRoutes(health, readiness.missing),
            DescriptionRoutes(*documents, headers),
        )
        handlers = [
            *(
                endpoint
                for routes in resources
                for endpoint in create_endpoints(
                    routes, balancer, administration.demand_role, turns
                )
            ),
            *create_page_routes(files, headers),
        ]
        # A notice only saves waiting for the next poll, so a bus that is down needs no handling.
        valkey.bus.subscribe(valkey.topics.revoked)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(valkey.bus.run(credentials.hear_bus, credentials.wake)),
                *(tasks.create_task(watch_replicas(valkey, of, rest)) for of in all_replicas),
                tasks.create_task(nodes.watch()),
                tasks.create_task(credentials.watch()),
                tasks.create_task(credentials.report_uses()),
            ]
            app = create_app(handlers, Admission(gate, limits), rest, files)
            yield Public(app, health, rest)
            await stop(running)


def create_app(
    handlers: Sequence[Any], admission: Admission, rest: Rest = NEVER, pages: Iterable[str] = ()
) -> Front:
    """The handlers behind their admission, inside the layer that decides about paths and methods.
    `pages` are the paths served by the handler for pages."""

    async def answer(request: AnyRequest) -> Response[bytes] | None:
        await admission.admit(request)
        respond = request.scope["route_handler"].opt.get(RESPOND)
        return await respond(request) if respond else None

    app = Litestar(
        handlers,
        before_request=answer,
        exception_handlers={Exception: answer_error},
        openapi_config=None,
        logging_config=None,
    )
    served = [
        Route(
            route.path_format,
            frozenset(route.methods) - {"OPTIONS"},
            frozenset().union(*(of.opt.get(ENCODED, ()) for of in route.route_handlers)),
            serves_of(route.route_handlers, admission.admit),
        )
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path != PAGES
    ]
    files = [Route(path, frozenset({"GET"})) for path in pages]
    return Front(app, RouteTable([*served, *files]), rest)


def warm_up() -> None:
    """Builds what is the same in every edge process of this version. The fleet does it once for
    all.

    Litestar loads some modules and inspects classes when the first application is created: 10 MB
    per edge."""
    files, _ = make_files()
    nobody: Any = None  # it answers no request
    create_app(
        [
            *create_endpoints(HealthRoutes(nobody, nobody), nobody, nobody),
            *create_endpoints(ChatRoutes(nobody, nobody, nobody), nobody, nobody),
            *create_page_routes(files, {}),
        ],
        Admission(nobody, nobody),
    )


class Files(NamedTuple):
    """`pages` are the site's pages by path; `documents` describe the API and the socket."""

    pages: dict[str, File]
    documents: tuple[File, File]


@cache
def make_files() -> Files:
    """What every edge process of this version serves."""
    files = read_site()
    documents = (
        make_file(msgspec.json.encode(describe_api(OPERATIONS)), JSON),
        make_file(msgspec.json.encode(describe_socket()), JSON),
    )
    return Files({**files, "/docs": files["/web/docs/index.html"]}, documents)
