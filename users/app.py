"""Assembles the users service: its parts, the calls that it answers, its background tasks.

The only place that builds dependencies.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from common.calls.callers import KnownCallers
from common.calls.calls import Calls
from common.calls.health import Health
from common.calls.replicas import Replicas, announce_replica, watch_replicas
from common.calls.service import CallService
from common.database.failures import DatabaseUnavailable
from common.database.pool import create_pool
from common.database.primary import Primary
from common.database.start import set_up_when_reachable
from common.identity.wrapping import Wrapping
from common.process.rest import Rest
from common.process.service import Service, open_http
from common.process.tasks import start, stop
from common.valkey.valkey import Valkey
from users.accounts import Accounts
from users.administration import Administration
from users.avatars import Avatars
from users.background import ROUND_SECONDS, keep_purging, repeated
from users.calls import create_calls
from users.deletions import Deletions
from users.instance import InstanceCalls
from users.invitations import Invitations
from users.memberships import Memberships
from users.passwords import Passwords, create_hasher
from users.people import People
from users.push import Push
from users.resolver import keep_resolving
from users.sessions import RevocationNotices, Sessions
from users.settings import Settings
from users.signing import RELOAD_SECONDS, SigningKeys, SigningKeysError
from users.store import upkeep
from users.vapid import PushKey


def create_users(settings: Settings) -> Service:
    """Builds everything; connects to nothing before it runs.

    Running raises SigningKeysError if the signing keys are not usable.
    """
    common = settings.service
    rest = Rest()
    valkey = Valkey(common.valkey_url, common.topic_prefix, rest)
    primary = Primary()
    pool = create_pool(settings.database_url, size=settings.pool_size, primary=primary)
    wrapping = Wrapping(settings.signing_secret)
    keys = SigningKeys(pool, wrapping, settings.old_signing_keys)
    hasher = create_hasher(settings.hashing_memory_kib, settings.hashing_passes)
    passwords = Passwords(hasher, settings.hashing_threads)
    notices = RevocationNotices(valkey)
    sessions = Sessions(pool, keys, notices)
    http = open_http(common)
    chats = Replicas("chats", common.chats_seeds)
    chats_calls = Calls(http, chats)
    invitations = Invitations(pool, chats_calls, settings.signup)
    accounts = Accounts(pool, passwords, sessions, invitations, settings.signup)
    instance = InstanceCalls(pool, settings.signup)
    administration = Administration(pool, passwords, sessions, wrapping)
    deletions = Deletions(pool, passwords, sessions, chats_calls)
    memberships = Memberships(pool)
    push_key = PushKey(pool, wrapping)
    push = Push(pool, push_key, chats_calls, settings.push)
    lease: list[asyncio.Task[None]] = []

    async def find_missing() -> str | None:
        try:
            if not await upkeep.answers(pool):
                return "database"
            await primary.look(pool)
        except DatabaseUnavailable:
            return "database"
        return None

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[None]:
        await pool.open()
        try:
            await set_up_when_reachable(keys.open)
            await set_up_when_reachable(push_key.open)
        except BaseException:
            await pool.close()
            raise
        again = partial(repeated, rest=rest)
        join = partial(invitations.join_left_over, rest)
        unusable = (SigningKeysError, DatabaseUnavailable)
        with contextlib.closing(http):
            lease.append(start(announce_replica(valkey, "users", common.advertise, rest)))
            work = [
                start(watch_replicas(valkey, chats, rest)),
                start(keep_resolving(pool, chats_calls, rest)),
                start(again("join", ROUND_SECONDS, join, in_turn=False)),
                start(again("delete accounts", ROUND_SECONDS, deletions.run)),
                start(keep_purging(pool, rest)),
                start(again("reload keys", RELOAD_SECONDS, keys.reload_again, survives=unusable)),
            ]
            try:
                yield
            finally:
                await stop([*lease, *work])
        passwords.close()
        await pool.close()
        valkey.close()

    async def withdraw() -> None:
        await stop(lease)

    calls = create_calls(
        accounts,
        People(pool),
        Avatars(pool),
        sessions,
        memberships,
        instance,
        administration,
        invitations,
        deletions,
        keys,
        push,
    )
    health = Health(find_missing, primary.describe)
    callers = KnownCallers(settings.callers, common.shared_key)
    served = CallService(calls, health, callers, rest, unavailable_on=DatabaseUnavailable)
    return Service(common, served, health, running, withdraw, rest)
