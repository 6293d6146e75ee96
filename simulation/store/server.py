"""A PostgreSQL server from its clients' point of view: connections, response times, failures.

The database models what a statement does; this models whether and when it happens, and whether the
client learns of it.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import psycopg
import psycopg_pool

from common.database.failures import naming_failures
from common.process.tasks import set_unless_done
from simulation.processes import OWNER, Process

WORK_SECONDS: Final = 0.0006  # of a statement, at most, when nothing is wrong
CLIENT_PATIENCE_SECONDS: Final = 5.0  # tcp_user_timeout and statement_timeout


class Server:
    """Faults of one server. `generation` changes when it ends all its connections."""

    def __init__(self, loop: Any, host: str, seed: str) -> None:
        self.loop = loop
        self.host = host
        self.generation = 0
        self.is_down = False
        self.hiccups = 0.0  # the share of statements whose connection breaks
        self.slowness = 0.0
        self.random = random.Random(f"{seed} {host}")

    def restart(self) -> None:
        """All connections are gone; prepared transactions and data stay."""
        self.generation += 1


class Connection:
    """One of a pool's connections; only users has transactions."""

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.generation = pool.server.generation
        self.is_broken = False
        self.change: Any = None  # of users' memberships, between begin and prepare

    @property
    def has_ended(self) -> bool:
        """Whether the server has closed it, and says so."""
        return self.generation != self.pool.server.generation

    async def trip(self, work: Callable[[], Any]) -> Any:
        """Does the work at the server. Raises OperationalError, before or after it was done."""
        server = self.pool.server
        draw = server.random.random()
        breaks = draw < server.hiccups
        await self._travel(self.pool.process.host, server.host)
        if self.generation != server.generation or server.is_down:
            self._break("server closed the connection unexpectedly")
        if breaks and draw < server.hiccups / 2:
            self._break("the connection is lost")
        result = work()
        await self._travel(server.host, self.pool.process.host)
        if breaks or self.generation != server.generation:
            self._break("the connection is lost before the answer")
        return result

    async def _travel(self, source: str, target: str) -> None:
        server = self.pool.server
        link = server.loop.network.link(source, target)
        work = WORK_SECONDS * server.random.random() ** 3
        if server.slowness:
            work += server.slowness * server.random.random()
        if link.is_cut:
            passed: asyncio.Future[None] = server.loop.create_future()
            link.hold(partial(set_unless_done, passed, None))
            try:
                async with asyncio.timeout(CLIENT_PATIENCE_SECONDS):
                    await passed
            except TimeoutError:
                self._break("timeout expired")
        await asyncio.sleep(work + link.delay())

    async def close(self) -> None:
        self.is_broken = True

    def _break(self, why: str) -> None:
        self.is_broken = True
        raise psycopg.OperationalError(why)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[None]:
        yield


class Pool:
    """Replaces common.database.pool.Pool."""

    server_of: Callable[[str], tuple[Server, Any]]

    def __init__(self, url: str, **options: Any) -> None:
        process = OWNER.get()
        assert process is not None
        self.process: Process = process
        self.server, self.database = type(self).server_of(url)
        self._check = options.get("check")
        self._size = options.get("max_size", 4)
        self._timeout = options.get("timeout", 30.0)
        self._idle = [Connection(self) for _ in range(options.get("min_size", 2))]
        self._made = len(self._idle)
        self._waiting: list[asyncio.Future[None]] = []

    async def open(self, *_: Any, **__: Any) -> None:
        pass

    async def close(self, *_: Any, **__: Any) -> None:
        pass

    async def check(self) -> None:
        """Drops connections that the server has closed."""
        good = [one for one in self._idle if not one.has_ended]
        self._made -= len(self._idle) - len(good)
        self._idle = good

    def get_stats(self) -> dict[str, int]:
        return {}

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[Connection]:
        """Raises DatabaseUnavailable."""
        with naming_failures():
            connection = await self._take()
            try:
                yield connection
            finally:
                if connection.change is not None:
                    connection.change.roll_back()
                    connection.change = None
                self._give_back(connection)

    async def trip(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """One function of the store, as one statement."""
        work = getattr(self.database, name)
        async with self.connection() as connection:
            return await connection.trip(lambda: work(*arguments, **options))

    async def _take(self) -> Connection:
        loop = self.server.loop
        deadline = loop.time() + self._timeout
        while True:
            while self._idle:
                connection = self._idle.pop()
                if self._check is None:
                    return connection
                try:
                    await self._check(connection)
                except psycopg.OperationalError:
                    self._made -= 1
                else:
                    return connection
            if self._made < self._size:
                if not self._is_reachable():
                    await self._wait(0.25, deadline)
                    continue
                self._made += 1
                return Connection(self)
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting.append(turn)
            try:
                async with asyncio.timeout(deadline - loop.time()):
                    await turn
            except TimeoutError:
                raise psycopg_pool.PoolTimeout("couldn't get a connection") from None
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)

    async def _wait(self, seconds: float, deadline: float) -> None:
        if self.server.loop.time() + seconds > deadline:
            raise psycopg_pool.PoolTimeout("couldn't get a connection")
        await asyncio.sleep(seconds)

    def _is_reachable(self) -> bool:
        ways = self.server.loop.network.links(self.process.host, self.server.host)
        return not (self.server.is_down or any(way.is_cut for way in ways))

    def _give_back(self, connection: Connection) -> None:
        if connection.is_broken:
            self._made -= 1
        else:
            self._idle.append(connection)
        if self._waiting:
            set_unless_done(self._waiting.pop(0), None)


def read_end(connection: Connection) -> None:
    """Replaces what common/database/pool.py does with a connection's descriptor."""
    if connection.has_ended:
        raise psycopg.OperationalError("server closed the connection unexpectedly")
