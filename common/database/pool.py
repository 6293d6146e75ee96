"""A pool of connections, for users and chats."""

import asyncio
import select
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary, WeakSet, ref

import psycopg
from psycopg_pool import AsyncConnectionPool

from common.database.connecting import TCP, WAIT_SECONDS, PatientConnection, Wanted
from common.database.failover import FailoverProbe, bounded
from common.database.failures import DatabaseUnreachable, naming_failures
from common.database.hosts import Hosts, one_by_one, session_target
from common.database.kept import KeptConnection
from common.database.pool_metrics import POOL_METRICS
from common.database.primary import Primary, ServerFacts, Verdict, ask
from common.process.logs import log

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
Arrive: TypeAlias = Callable[[Connection, ServerFacts, Verdict], Awaitable[None]]

# A server may hang after the log-in. The pool makes one more connection at a time, and would never
# make another.
ASK_SECONDS: Final = 2.0
ARRIVE_SECONDS: Final = 10.0  # chats may wait 5 s for other replicas
LOOK_SECONDS: Final = 1.0  # a kept connection that was not used between two looks goes back
# When connections above the minimum were not needed for so long, one is closed, then the next: each
# takes 4 MB on the server.
IDLE_SECONDS: Final = 5.0
# A stopped client must not hold locks, and nothing may wait for a lock longer than its caller
# waits.
_SESSION_OPTIONS = (
    "-c lock_timeout=1000 -c idle_in_transaction_session_timeout=1000"
    " -c statement_timeout=5000 -c transaction_timeout=5000"
)


def warm_up() -> None:
    """Has libpq load what it needs to prove a password: 1 MB that forked processes share."""
    connection = psycopg.pq.PGconn.connect_start(b"host=/nowhere")
    connection.encrypt_password(b"", b"", b"scram-sha-256")
    connection.finish()


class _LastUsedFirst(deque[Connection]):
    """Idle connections, the last used first. Used in turn, as in the pool's own order, each
    statement would wake a different server process, whose memory has left every processor's cache.
    """

    def append(self, connection: Connection) -> None:
        self.appendleft(connection)


class Pool(AsyncConnectionPool[Connection]):
    """Its errors are those of common/database/failures.py."""

    def __init__(
        self,
        *arguments: Any,
        primary: Primary,
        ask_all: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        self.primary = primary
        self.failover = FailoverProbe(ask_all)
        self.kept = KeptConnections(self)
        self._wanted = Wanted()
        patient = type("Patient", (PatientConnection,), {"wanted": self._wanted})
        super().__init__(*arguments, connection_class=patient, **options)
        self._pool = _LastUsedFirst()
        self._unsure: WeakSet[Connection] = WeakSet()
        self._prepared: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()

    async def _shrink_pool(self) -> None:
        self._pool.rotate(1)  # drop the one that was unused for longest
        await super()._shrink_pool()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a connection."""
        return bool(self._waiting)

    @staticmethod
    async def check_connection(conn: Connection) -> None:
        """psycopg's own asks the server, which may hang."""
        _read_end(conn)

    async def getconn(self, timeout: float | None = None) -> Connection:
        self._wanted.wait(timeout or WAIT_SECONDS)
        if not self._pool:
            await self.kept.return_free()
        return await super().getconn(timeout)

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[Connection]:
        """Commits at the end, and rolls back on an exception."""
        with naming_failures():
            async with super().connection(timeout) as connection:
                with self.failover.while_waiting():
                    yield connection
                self.refuse_unsure(connection)

    def get_stats(self) -> dict[str, int]:
        stats = super().get_stats()
        stats["pool_available"] += self.kept.free  # nobody uses them
        return stats

    async def close(self, timeout: float = 5.0) -> None:
        await super().close(timeout)
        await self.kept.close()
        await self.failover.close()

    def refuse_unsure(self, connection: Connection) -> None:
        """Raises DatabaseUnreachable if its last commit did not wait for a standby."""
        if connection in self._unsure:
            self._unsure.discard(connection)
            raise DatabaseUnreachable("committed here alone: the wait was cancelled")

    def prepared_on(self, connection: Connection) -> set[str]:
        """The names of statements prepared on this connection, besides psycopg's own."""
        return self._prepared.setdefault(connection, set())

    def watch_warnings(self, connection: Connection) -> None:
        """If the wait for a standby is cancelled, PostgreSQL reports the commit as done, with a
        warning that has no SQLSTATE of its own."""
        known = ref(connection)

        def hear(said: psycopg.errors.Diagnostic) -> None:
            here = known()
            if here and said.severity_nonlocalized == "WARNING" and said.sqlstate == "01000":
                self._unsure.add(here)

        connection.add_notice_handler(hear)


def create_pool(
    url: str,
    *,
    size: int,
    min_size: int = 1,
    options: str = "",
    primary: Primary | None = None,
    arrive: Arrive | None = None,
) -> Pool:
    """A pool that is not open yet. Raises DatabaseUnreachable after waiting 2 s for a connection.

    `autocommit` is on: only `connection.transaction()` begins a transaction. `options` are further
    settings of its sessions: `-c name=value …`. It never gives out a connection that the server has
    closed meanwhile.

    Of several servers in the URL it uses the one that accepts writes. `primary` remembers which; no
    connection to a server of a newer timeline is given out before `arrive` has returned.
    """
    hosts = Hosts(url)
    primary = primary or Primary()
    one_at_a_time = asyncio.Lock()

    async def configure(connection: Connection) -> None:
        connection.prepare_threshold = 1
        pool.watch_warnings(connection)
        try:
            with bounded(connection, ASK_SECONDS):
                seen = await ask(connection)
            primary.remember(connection, seen.timeline)
            async with one_at_a_time:
                with bounded(connection, ARRIVE_SECONDS):
                    await settle(connection, seen)
        except BaseException:
            await connection.close()
            raise

    async def settle(connection: Connection, seen: ServerFacts) -> None:
        server = connection.info.host, connection.info.port
        verdict = primary.judge(seen)
        if verdict == "older":
            hosts.put_last(*server)
            raise psycopg.OperationalError(f"{server} was left for a newer timeline")
        if verdict in ("kept", "lost"):
            log("database failed over", timeline=seen.timeline, answers=verdict)
        if arrive is not None and verdict != "same":
            await arrive(connection, seen, verdict)
        primary.note(seen)
        hosts.prefer(*server)

    async def check(connection: Connection) -> None:
        try:
            primary.refuse_older(connection)
            _read_end(connection)
        except psycopg.OperationalError:
            await connection.close()  # or one of an older timeline would be given out again
            # A restart closes all of them. Found one by one, each would make its caller wait.
            await pool.check()
            raise

    async def ask_server(server: str) -> None:
        with suppress(psycopg.Error):  # perhaps there is no other one: what waits keeps waiting
            connection = await psycopg.AsyncConnection.connect(server, **connecting)
            async with connection:
                await configure(connection)

    async def ask_all() -> None:
        # An old primary may be the first to answer.
        async with asyncio.TaskGroup() as asking:
            for server in one_by_one(hosts.conninfo()):
                asking.create_task(ask_server(server))

    connecting: dict[str, Any] = {
        "autocommit": True,
        "options": f"{_SESSION_OPTIONS} {options}",
        "connect_timeout": 2,
        "target_session_attrs": session_target(url),
        **TCP,
    }
    pool = Pool(
        hosts.conninfo if hosts.are_several else url,
        min_size=min_size,
        max_size=size,
        timeout=WAIT_SECONDS,
        open=False,
        primary=primary,
        ask_all=ask_all,
        configure=configure,
        check=check,
        kwargs=connecting,
        max_idle=IDLE_SECONDS,
        reconnect_timeout=0.25,  # the next request tries again
    )
    POOL_METRICS.watch(pool)
    return pool


def _read_end(connection: Connection) -> None:
    """Raises OperationalError if the server has closed the connection.

    A test query would cost each user of a healthy connection a round trip. An idle connection has
    nothing to read except the server's last message, the end of the stream, or a notice.
    """
    readable = select.poll()
    readable.register(connection.fileno(), select.POLLIN)
    while readable.poll(0):
        connection.pgconn.consume_input()


class KeptConnections:
    """The kept connections of one pool; free ones go back to it as soon as anybody waits."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._free: list[KeptConnection] = []
        self._timer: asyncio.TimerHandle | None = None
        self._returns: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        return len(self._free)

    async def take(self) -> KeptConnection:
        """The most recently used kept connection, or a new one from the pool; `put` must follow.
        Raises psycopg.OperationalError."""
        while self._free:
            kept = self._free.pop()
            try:
                self._pool.primary.refuse_older(kept.connection)
                kept.look()
            except psycopg.OperationalError:
                self._free.append(kept)
                await self.return_free()  # a restart closes all of them
                await self._pool.check()
            else:
                return kept
        connection = await self._pool.getconn()
        return KeptConnection(connection, self._pool.prepared_on(connection), self._pool.failover)

    async def put(self, kept: KeptConnection) -> None:
        """Keeps it, or returns it to the pool if it has changed, is old, or somebody waits."""
        if self._pool.closed or self._pool.is_awaited or not kept.may_stay:
            await asyncio.wait([self._return(kept)])
            return
        kept.was_used = True
        self._free.append(kept)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    async def return_free(self) -> None:
        free, self._free = self._free, []
        if free:
            await asyncio.wait([self._return(kept) for kept in free])

    async def close(self) -> None:
        """Connections in use are returned by `put`."""
        if self._timer is not None:
            self._timer.cancel()
        await self.return_free()
        if self._returns:
            await asyncio.wait(self._returns)

    def _look(self) -> None:
        self._timer = None
        free, self._free = self._free, []
        for kept in free:
            if kept.was_used:
                kept.was_used = False
                self._free.append(kept)
            else:
                self._return(kept)
        if self._free:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _return(self, kept: KeptConnection) -> asyncio.Task[None]:
        """As a task, because the caller that waits for it may be cancelled."""
        kept.unwatch()
        task = asyncio.create_task(self._pool.putconn(kept.connection))
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)
        return task


@asynccontextmanager
async def begin(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction on a connection of its own; an exception rolls it back."""
    async with pool.connection() as connection, connection.transaction():
        yield connection
