"""Connections that stay borrowed from the pool while statements follow one another.

Borrowing a connection for each statement, and watching its socket anew, is half of what a process
does for a message's transaction (docs/decisions/calls.md).
"""

import asyncio
import select
from typing import Any, Final

import psycopg
from psycopg import generators
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from common.database.failover import SUSPECT_SECONDS, FailoverProbe

KEEP_SECONDS: Final = 60.0  # then it goes back to the pool, which may close it as too old
# When a socket has an error, uvloop calls its reader one last time and stops watching it, silently.
# That call may read only PostgreSQL's last message, so the end of the connection goes unnoticed.
LOOK_AGAIN_SECONDS: Final = 0.1


class KeptConnection:
    """One statement at a time. Its socket is watched until `unwatch`."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        prepared: set[str],
        failover: FailoverProbe,
    ) -> None:
        self.connection = connection
        self.prepared = prepared
        self.rows = Transformer(connection)
        self.was_used = True
        self._failover = failover
        self._pgconn: PGconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + KEEP_SECONDS
        self._socket = connection.fileno()
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._results: list[PGresult] = []
        self._answer: asyncio.Future[None] | None = None
        self._is_watched = False
        self._watch()

    @property
    def may_stay(self) -> bool:
        """Whether it can take another statement, and has not been kept for too long."""
        return (
            self._pgconn.transaction_status == TransactionStatus.IDLE
            and self._loop.time() < self._until
        )

    def look(self) -> None:
        """Raises OperationalError if the server has closed it."""
        if self._pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        while self._readable.poll(0):
            self._consume_input()

    async def finish(self) -> PGresult:
        """The last result of what was written to libpq. Raises psycopg.Error."""
        if self._pgconn.flush():  # more than the socket accepts at once
            self.unwatch()
            try:
                with self._failover.while_waiting():
                    results: list[PGresult] = await self.connection.wait(
                        generators.execute(self._pgconn)
                    )
            finally:
                if self._pgconn.status == ConnStatus.OK:
                    self._watch()
        else:
            results = self._results = []
            self._answer = self._loop.create_future()
            self._suspect_at = self._loop.time() + SUSPECT_SECONDS
            self._again = self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)
            try:
                await self._answer
            finally:
                self._again.cancel()
        for result in results:  # the first one says why; a lost connection's may follow
            if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
                raise psycopg.errors.error_from_result(result, encoding="utf-8")
        if not results:
            raise psycopg.OperationalError("the server gave no result")
        return results[-1]

    async def close(self) -> None:
        self.unwatch()
        await self.connection.close()

    def unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._socket)

    def _watch(self) -> None:
        self._loop.add_reader(self._socket, self._read)
        self._is_watched = True

    def _look_again(self) -> None:
        if self._readable.poll(0):
            self._read()
        elif self._loop.time() > self._suspect_at:
            self._failover.probe()
        self._again = self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)

    def _consume_input(self) -> None:
        try:
            self._pgconn.consume_input()
        except psycopg.OperationalError:
            # libpq has closed the socket, and its number will be reused
            self.unwatch()
            raise

    def _read(self) -> None:
        answer = self._answer
        try:
            self._consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    break
                self._results.append(result)
            else:
                return
        except psycopg.OperationalError as error:
            if answer is not None and not answer.done():
                answer.set_exception(error)
            return
        if answer is not None and not answer.done():
            answer.set_result(None)
