"""An edge process without its framework: its reads, sends, limits and calls behind one HTTP port.

Routes, bodies and headers are not simulated; what a route does with a request is, in one line each.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.http_server import Request, Response, serving_http
from common.calls.replicas import Replicas, watch_replicas
from common.identity.credentials import Credentials
from common.identity.gate import Gate
from common.process.memory_cache import MemoryCache
from common.process.rest import Rest
from common.process.service import Serving, open_http
from common.process.settings import ServiceSettings
from common.process.tasks import stop
from common.process.trace import enter_trace
from common.protocol import chats as c
from common.protocol.errors import Refusal
from common.protocol.items import SendItem
from common.protocol.pages import PageWanted
from common.valkey.shared_rates import SharedBuckets
from common.valkey.valkey import Valkey
from edge.appends import Appends
from edge.cache.nodes import CacheNodes
from edge.known_addresses import KnownAddresses
from edge.limits import Limits
from edge.reads import CachedReads, DirectReads
from edge.upstream import Chats, Users
from simulation.processes import OWNER

_encode = msgspec.json.encode


class _Front:
    """Calls by name: `POST /<name>` with a JSON object, a JSON object back or a problem."""

    def __init__(
        self,
        gate: Gate,
        chats: Chats,
        reads: CachedReads,
        appends: Appends,
        limits: Limits,
        rest: Rest,
    ) -> None:
        self._gate = gate
        self._rest = rest
        self._chats = chats
        self._reads = reads
        self._appends = appends
        self._limits = limits
        self._serve: dict[str, Callable[[Any, dict[str, Any]], Awaitable[Any]]] = {
            "/send": self._send,
            "/create": self._create,
            "/rename": self._rename,
            "/delete": self._delete,
            "/add": self._add,
            "/remove": self._remove,
            "/events": self._events,
            "/messages": self._messages,
            "/newest": self._newest,
            "/chat": self._chat,
            "/chats": self._list,
        }

    async def handle(self, request: Request) -> Response:
        enter_trace(None)
        self._rest.note()
        try:
            if self._gate.is_behind:
                await self._gate.catch_up()
            caller = self._gate.admit(request.headers.get(b"authorization", b"").decode())
            answer = await self._serve[request.path](caller, msgspec.json.decode(request.body))
            return Response(200, answer if isinstance(answer, bytes) else _encode(answer))
        except Refusal as refusal:
            return Response(refusal.status, _encode(refusal.problem()))

    async def _send(self, caller: Any, body: dict[str, Any]) -> Any:
        await self._limits.take_send(caller.user)
        item = SendItem(
            chat=body["chat"], user=caller.user, key=body["key"], show_key=True,
            message=body["message"],
        )  # fmt: skip
        return await self._appends.store_message(item)

    async def _create(self, caller: Any, body: dict[str, Any]) -> Any:
        await self._limits.take_new_chat(caller.user)
        return await self._chats.create_chat(
            c.CreateChat(
                user=caller.user,
                session=caller.session,
                key=body["key"],
                chat_name=body["name"],
                participants=body["users"],
            )
        )

    async def _rename(self, caller: Any, body: dict[str, Any]) -> Any:
        await self._limits.take_change(caller.user)
        await self._chats.rename_chat(
            c.RenameChat(
                user=caller.user, chat=body["chat"], key=body["key"], chat_name=body["name"]
            )
        )
        return {}

    async def _delete(self, caller: Any, body: dict[str, Any]) -> Any:
        await self._limits.take_change(caller.user)
        await self._chats.delete_chat(
            c.DeleteChat(
                user=caller.user, session=caller.session, chat=body["chat"], key=body["key"]
            )
        )
        return {}

    async def _add(self, caller: Any, body: dict[str, Any]) -> Any:
        await self._limits.take_change(caller.user)
        request = c.AddParticipants(
            user=caller.user, session=caller.session, chat=body["chat"], key=body["key"],
            users=body["users"],
        )  # fmt: skip
        return {"changed": await self._chats.add_participants(request)}

    async def _remove(self, caller: Any, body: dict[str, Any]) -> Any:
        await self._limits.take_change(caller.user)
        await self._chats.remove_participant(
            c.RemoveParticipant(
                user=caller.user,
                session=caller.session,
                chat=body["chat"],
                key=body["key"],
                participant=body["user"],
            )
        )
        return {}

    async def _events(self, caller: Any, body: dict[str, Any]) -> Any:
        wanted = PageWanted(
            user=caller.user, chat=body["chat"], of="events",
            before=None, after=body["after"], limit=200,
        )  # fmt: skip
        return await self._reads.get_page(wanted)

    async def _messages(self, caller: Any, body: dict[str, Any]) -> Any:
        wanted = PageWanted(
            user=caller.user, chat=body["chat"], of="messages",
            before=body["before"], after=None, limit=20,
        )  # fmt: skip
        return await self._reads.get_page(wanted)

    async def _newest(self, caller: Any, body: dict[str, Any]) -> Any:
        return await self._reads.get_newest_messages(caller.user, body["chat"], 20)

    async def _chat(self, caller: Any, body: dict[str, Any]) -> Any:
        return await self._reads.get_chat(caller.user, body["chat"])

    async def _list(self, caller: Any, _: dict[str, Any]) -> Any:
        return await self._chats.list_chats(c.ListChats(user=caller.user, before=None, limit=100))


class EdgeSettings(NamedTuple):
    service: ServiceSettings


@contextlib.asynccontextmanager
async def serving_edge(settings: EdgeSettings) -> AsyncIterator[Serving]:
    """As edge/app.py and edge/__main__.py assemble it."""
    service = settings.service
    rest = Rest()
    async with contextlib.AsyncExitStack() as stack:
        http = stack.enter_context(contextlib.closing(open_http(service)))
        valkey = stack.enter_context(
            contextlib.closing(Valkey(service.valkey_url, service.topic_prefix, rest))
        )
        users = Replicas("users", service.users_seeds)
        chats = Replicas("chats", service.chats_seeds)
        users_calls, chats_calls = Calls(http, users), Calls(http, chats)
        credentials = Credentials(users_calls, service.name, rest=rest)
        limits = Limits(SharedBuckets(valkey), KnownAddresses(valkey), service.rate_factor)
        direct = DirectReads(Chats(chats_calls), Users(users_calls))
        cache = CacheNodes(("redis://cache-0:6379",))
        stack.push_async_callback(cache.close)
        reads = CachedReads(chats_calls, users_calls, direct, MemoryCache(2**20), cache)
        gate = Gate(credentials)
        if (process := OWNER.get()) is not None:
            process.gate = gate
        front = _Front(gate, Chats(chats_calls), reads, Appends(chats_calls), limits, rest)
        valkey.bus.subscribe(valkey.topics.revoked)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work)
                for work in (
                    valkey.bus.run(credentials.wake, credentials.wake),
                    watch_replicas(valkey, users, rest),
                    watch_replicas(valkey, chats, rest),
                    cache.watch(),
                    credentials.watch(),
                    credentials.report_uses(),
                )
            ]
            async with serving_http(front.handle, service.listen.open(), rest=rest):
                yield Serving(Health(_ready), _nothing, rest)
            await stop(running)


async def _ready() -> None:
    pass


async def _nothing() -> None:
    pass
