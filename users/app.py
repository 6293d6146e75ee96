"""The users service put together: what it is made of, which calls it answers, what runs beside.

The only place that builds dependencies.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from common.calls import Calls, open_session
from common.database import UNREACHABLE, Pool, create_pool
from common.logs import log
from common.protocol.users import (
    Account,
    ChangeProfile,
    Empty,
    EndOtherSessions,
    EndSession,
    FinishMemberships,
    GetPerson,
    GetProfile,
    Grant,
    KeySet,
    ListSessions,
    LogIn,
    PeopleFound,
    Person,
    PrepareMemberships,
    Profile,
    RefreshSession,
    Revocations,
    RevocationsRequest,
    SearchPeople,
    SessionList,
    SignUp,
    TokensUsed,
)
from common.replicas import Replicas, announce_replica, watch_replicas
from common.service import Health, create_service
from common.topics import Topics
from common.valkey import connect_valkey
from users.accounts import Accounts
from users.keys import SigningKeys, reload_keys
from users.memberships import Memberships
from users.passwords import Passwords, create_hasher
from users.resolver import keep_resolving
from users.sessions import RevocationNotices, Sessions
from users.settings import Settings
from users.store import upkeep

Q = TypeVar("Q")
A = TypeVar("A")

PURGE_SECONDS = 60


class Service(NamedTuple):
    """The app, its health, and how to take its lease back before it drains."""

    app: Litestar
    health: Health
    withdraw: Callable[[], Awaitable[None]]


def create_app(settings: Settings) -> Service:
    """Builds everything; connects to nothing before the app's lifespan begins.

    Raises SigningKeysError where the folder of keys is not in order.
    """
    common = settings.service
    topics = Topics(common.topic_prefix)
    valkey = connect_valkey(common.valkey_url)
    pool = create_pool(settings.database_url, size=settings.pool_size)
    keys = SigningKeys(settings.signing_keys)
    hasher = create_hasher(settings.hashing_memory_kib, settings.hashing_passes)
    passwords = Passwords(hasher, settings.hashing_threads)
    notices = RevocationNotices(valkey, topics.revoked)
    sessions = Sessions(pool, keys, notices)
    accounts = Accounts(pool, passwords, sessions)
    memberships = Memberships(pool)
    chats = Replicas("chats", common.chats_seeds)
    tasks: list[asyncio.Task[None]] = []

    async def find_missing() -> str | None:
        try:
            return None if await upkeep.answers(pool) else "database"
        except UNREACHABLE:
            return "database"

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await pool.open()
        async with open_session(common.service_key) as http:
            tasks.extend(
                start_task(work)
                for work in (
                    announce_replica(valkey, topics.replicas("users"), common.advertise),
                    watch_replicas(valkey, topics.replicas("chats"), chats),
                    notices.run(),
                    reload_keys(keys),
                    keep_resolving(pool, Calls(http, chats)),
                    keep_purging(pool),
                )
            )
            try:
                yield
            finally:
                await stop_tasks(tasks)
        passwords.close()
        await pool.close()
        await valkey.aclose()

    async def withdraw() -> None:
        await stop_tasks(tasks[:1])  # the one that announces

    async def keys_published(_: Empty) -> KeySet:
        return KeySet(keys=keys.published())

    calls = [
        call("sign_up", SignUp, Grant, accounts.sign_up),
        call("log_in", LogIn, Grant, accounts.log_in),
        call("get_profile", GetProfile, Profile, accounts.get_profile),
        call("change_profile", ChangeProfile, Account, accounts.change_profile),
        call("get_person", GetPerson, Person, accounts.get_person),
        call("search_people", SearchPeople, PeopleFound, accounts.search_people),
        call("refresh", RefreshSession, Grant, sessions.refresh),
        call("log_out", EndSession, Empty, sessions.log_out),
        call("end_other_sessions", EndOtherSessions, Empty, sessions.end_other_sessions),
        call("list_sessions", ListSessions, SessionList, sessions.list_sessions),
        call("tokens_used", TokensUsed, Empty, sessions.tokens_used),
        call("revocations", RevocationsRequest, Revocations, sessions.revocations),
        call("keys", Empty, KeySet, keys_published),
        call("prepare", PrepareMemberships, Empty, memberships.prepare),
        call("finish", FinishMemberships, Empty, memberships.finish),
    ]
    health = Health(find_missing)
    app = create_service(
        "Hubbub users",
        calls,
        health,
        common.service_key,
        lifespan,
        unavailable_on=UNREACHABLE,
    )
    return Service(app, health, withdraw)


def call(
    name: str, request: type[Q], answer: type[A], serve: Callable[[Q], Awaitable[A]]
) -> HTTPRouteHandler:
    """`POST /calls/<name>`: JSON of one struct in, of the other one out."""

    async def handle(data: Q) -> A:
        return await serve(data)

    # Litestar reads the types of a call, for decoding and for OpenAPI, from its annotations.
    handle.__annotations__ = {"data": JSONBody[request], "return": answer}  # type: ignore[misc, valid-type]
    return post(f"/calls/{name}", operation_id=name, status_code=200)(handle)


def start_task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Runs beside the calls. A process that lost one of its tasks ends, to be started anew."""

    def end_process(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log("a task died", level=logging.ERROR, error=repr(error))
            os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(work)
    task.add_done_callback(end_process)
    return task


async def stop_tasks(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def keep_purging(pool: Pool) -> None:
    """Throws away what nothing can ask for any more, every minute, until cancelled."""
    while True:
        await asyncio.sleep(PURGE_SECONDS)
        try:
            await upkeep.purge_stale_rows(pool)
        except UNREACHABLE as error:
            log("nothing purged", error=type(error).__name__)
