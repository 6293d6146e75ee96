"""Asks PostgreSQL and Valkey about themselves. Changes nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from common.database.failover import bounded
from common.database.hosts import Hosts, session_target
from common.database.migrations import MIGRATION_LOCK
from common.database.primary import ASK, ServerFacts
from common.identity.wrapping import Wrapping, WrongSecret
from common.valkey.client import VALKEY_FORBIDS, VALKEY_GONE, VALKEY_REFUSES, connect_valkey
from common.valkey.cluster import Cluster, is_cluster
from fleet.settings import PROJECT_FOLDER
from ops.doctor.scene import BusFacts, DatabaseFacts

CONNECT_TIMEOUT_SECONDS: Final = 2
ANSWER_TIMEOUT_MS: Final = 2000
ANSWERS_SECONDS: Final = 10.0  # for all of them: a server that hangs keeps no time itself
LONG_SECONDS: Final = 10.0  # for a transaction: ours are limited to five
VALKEY_PATIENCE_SECONDS: Final = 2.0  # a busy machine is not a broken Valkey

_GENERAL: Final = """
SELECT current_setting('server_version_num')::int, extract(epoch FROM clock_timestamp())::float8,
    current_setting('max_prepared_transactions')::int,
    (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database())
"""
_PREPARED: Final = """
SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
"""
_WRAPPED: Final = """
SELECT kid, wrapped FROM signing_keys
UNION ALL SELECT 'push', wrapped FROM push_key WHERE wrapped IS NOT NULL
"""
_OWN_PREPARED: Final = {"users": "hubbub-"}  # the prefix of each role's names
# Transactions that block others, or hold a lock on a whole table that will. The state and age of
# other roles' sessions are hidden. Migrations are slow, and would start again: sessions that apply
# them are left out.
_HOLDERS: Final = """
WITH here AS (
    SELECT pid, usename, state, clock_timestamp() - xact_start AS age, wait_event_type
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
)
SELECT pid, usename, coalesce(extract(epoch FROM age), 0)::float8 FROM here
WHERE coalesce(age > %s::float8 * interval '1 second', state IS NULL)
    AND wait_event_type IS DISTINCT FROM 'Lock'
    AND pid NOT IN (
        SELECT l.pid FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s::bigint::oid
    )
    AND pid IN (
        SELECT unnest(pg_blocking_pids(pid)) FROM here WHERE wait_event_type = 'Lock'
        UNION ALL
        SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.granted AND c.relkind IN ('r', 'p')
            AND c.relnamespace <> 'pg_catalog'::regnamespace
            AND l.mode IN (
                'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
            )
    )
ORDER BY pid
"""
_UNPUBLISHED: Final = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float8 FROM outbox
"""


class _NoAnswer(psycopg.OperationalError):
    pass


@asynccontextmanager
async def _asking(
    connecting: Awaitable[psycopg.AsyncConnection[Any]],
) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Raises _NoAnswer if the answers take longer than `ANSWERS_SECONDS`."""
    async with await connecting as connection:
        ends = time.monotonic() + ANSWERS_SECONDS
        try:
            with bounded(connection, ANSWERS_SECONDS):
                yield connection
        except psycopg.OperationalError as error:
            raise (_NoAnswer() if time.monotonic() >= ends else error) from error


async def ask_database(role: str, url: str) -> DatabaseFacts:
    """What is known about a role's database; only the error if it does not answer."""
    holders: tuple[tuple[int, str, float], ...] = ()
    try:
        async with _asking(_connect(url)) as connection:
            before = time.time()
            ((version, clock, most, count),) = await _rows(connection, _GENERAL)
            here = (before + time.time()) / 2
            server = ServerFacts(*(await _rows(connection, ASK))[0])
            holders = tuple(await _rows(connection, _HOLDERS, LONG_SECONDS, MIGRATION_LOCK))
            prepared = await _rows(connection, _PREPARED)
            missing = await _missing_migrations(connection, _list_migrations(role))
            unpublished = [(0, 0.0)]
            if role == "chats" and not missing:
                unpublished = await _rows(connection, _UNPUBLISHED)
    except _NoAnswer:
        return DatabaseFacts(error="it does not answer", holders=holders)
    except psycopg.Error as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return DatabaseFacts(error=said, holders=holders)
    return DatabaseFacts(
        version=version,
        clock_ahead=clock - here,
        max_prepared=most,
        prepared=count,
        prepared_age=max((age for gid, age in prepared if _is_own(role, gid)), default=0.0),
        strangers=tuple((gid, age) for gid, age in prepared if not _is_own(role, gid)),
        missing_migrations=missing,
        unpublished=unpublished[0][0],
        unpublished_age=unpublished[0][1],
        answers_survive=server.survives,
        are_several=Hosts(url).are_several,
        holders=holders,
    )


async def count_unopened_keys(url: str, secret: str) -> int:
    """For users' database: private keys that were encrypted with another secret. 0 if unknown."""
    wrapping = Wrapping(secret)
    try:
        async with _asking(_connect(url)) as connection:
            rows = await _rows(connection, _WRAPPED)
    except psycopg.Error:
        return 0
    return sum(not _opens(wrapping, name, bytes(wrapped)) for name, wrapped in rows)


def _opens(wrapping: Wrapping, name: str, wrapped: bytes) -> bool:
    try:
        wrapping.unwrap(name, wrapped)
    except WrongSecret:
        return False
    return True


async def ask_start(url: str) -> float:
    """When the server was started, in Unix seconds; 0 if it does not answer."""
    try:
        conninfo = make_conninfo(url, connect_timeout=CONNECT_TIMEOUT_SECONDS)
        async with _asking(psycopg.AsyncConnection.connect(conninfo)) as connection:
            query = "SELECT extract(epoch FROM pg_postmaster_start_time())::float8"
            ((start,),) = await _rows(connection, query)
    except psycopg.Error:
        return 0.0
    return float(start)


def _is_own(role: str, gid: str) -> bool:
    return role in _OWN_PREPARED and gid.startswith(_OWN_PREPARED[role])


def _list_migrations(role: str) -> list[str]:
    return sorted(file.name for file in (PROJECT_FOLDER / role / "migrations").glob("*.sql"))


async def _missing_migrations(
    connection: psycopg.AsyncConnection[Any], needed: list[str]
) -> tuple[str, ...]:
    ((there,),) = await _rows(connection, "SELECT to_regclass('migrations') IS NOT NULL")
    applied = await _rows(connection, "SELECT name FROM migrations") if there else []
    return tuple(name for name in needed if (name,) not in applied)


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    """Every query on it is limited to the time allowed for an answer. Raises psycopg.Error."""
    conninfo = make_conninfo(
        url,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        options=f"-c statement_timeout={ANSWER_TIMEOUT_MS}",
        target_session_attrs=session_target(url),
    )
    return await psycopg.AsyncConnection.connect(conninfo, autocommit=True)


async def _rows(
    connection: psycopg.AsyncConnection[Any], query: str, *parameters: float
) -> list[Any]:
    return await (await connection.execute(query, parameters)).fetchall()


async def ask_bus(url: str) -> BusFacts:
    """Whether Valkey answers, and its output limit for subscribers."""
    if is_cluster(url):
        return await _ask_cluster(Cluster(url))
    valkey = connect_valkey(url, patience_seconds=VALKEY_PATIENCE_SECONDS)
    try:
        await valkey.ping()
        # The Valkey users of a single machine may not call these.
        limits = await _if_allowed(valkey.config_get("client-output-buffer-limit"))
        replication = await _if_allowed(valkey.info("replication"))
        memory = await _if_allowed(valkey.info("memory"))
    except VALKEY_GONE as error:
        return BusFacts(error=f"{type(error).__name__}: {error}")
    finally:
        await valkey.aclose()
    return BusFacts(
        pubsub_limit=_read_pubsub_limit(str(limits.get("client-output-buffer-limit", ""))),
        follows=_read_primary(replication),
        is_full=0 < int(memory.get("maxmemory", 0)) <= int(memory.get("used_memory", 0))
        and memory.get("maxmemory_policy") == "noeviction",
    )


async def _if_allowed(answer: Awaitable[Mapping[Any, Any]]) -> Mapping[Any, Any]:
    try:
        return await answer
    except VALKEY_FORBIDS:
        return {}


def _read_pubsub_limit(said: str) -> tuple[int, int, int] | None:
    words = said.split()
    if "pubsub" not in words:
        return None
    place = words.index("pubsub")
    hard, soft, seconds = map(int, words[place + 1 : place + 4])
    return hard, soft, seconds


def _read_primary(said: Mapping[str, Any]) -> str:
    """The primary of a replica, else empty."""
    host = said.get("master_host")
    return f"{host}:{said.get('master_port')}" if host else ""


async def _ask_cluster(cluster: Cluster) -> BusFacts:
    if not await cluster.learn():
        return BusFacts(error="no server of the cluster has a majority of it")
    shards = cluster.slots.shards
    places = [place for members in shards for place in members]
    facts = await asyncio.gather(*(ask_bus(cluster.url_of(place)) for place in places))
    said = dict(zip(places, facts, strict=True))
    limits = [one.pubsub_limit for one in facts if one.pubsub_limit]
    return BusFacts(
        pubsub_limit=min(limits, default=None),
        silent=tuple(f"{place.host}:{place.port}" for place in places if said[place].error),
        lonely=tuple(
            f"{members[0].host}:{members[0].port}"
            for members in shards
            if not any(not said[replica].error for replica in members[1:])
        ),
    )


async def is_refused(url: str) -> bool:
    """Whether Valkey answers but refuses this user's log-in."""
    valkey = connect_valkey(url, patience_seconds=VALKEY_PATIENCE_SECONDS)
    try:
        await valkey.ping()
    except VALKEY_REFUSES:
        return True
    except VALKEY_GONE:
        return False
    finally:
        await valkey.aclose()
    return False
