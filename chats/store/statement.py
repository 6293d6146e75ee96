"""One statement for what is asked with every message, written to libpq.

A cursor of psycopg adapts parameters of any kind and knows when to prepare. Where a process has
done nothing for a while that takes 0.15 of the 1.4 ms of a message's transaction
(docs/decisions/sockets.md).
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import generators
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from common.database.pool import Connection, Pool

Row = tuple[Any, ...]


class Statement(NamedTuple):
    """Prepared once on each connection. `name` is that of no other; psycopg's own begin with an
    underscore. `formats` are those of the parameters; all are text where none are given."""

    name: bytes
    query: bytes
    formats: Sequence[Format] | None = None

    async def fetch(self, pool: Pool, parameters: Sequence[bytes | None]) -> list[Row]:
        """All rows. Columns come in binary. Raises psycopg.Error."""
        async with pool.connection() as connection:
            prepared = pool.prepared_on(connection)
            if self.name in prepared:
                # psycopg deallocates all statements after a rollback.
                with suppress(psycopg.errors.InvalidSqlStatementName):
                    return await self._execute(connection, parameters)
            await self._prepare(connection)
            prepared.add(self.name)
            return await self._execute(connection, parameters)

    async def _execute(
        self, connection: Connection, parameters: Sequence[bytes | None]
    ) -> list[Row]:
        connection.pgconn.send_query_prepared(
            self.name, parameters, self.formats, result_format=Format.BINARY
        )
        found = await _finish(connection)
        rows = Transformer(connection)
        rows.set_pgresult(found)
        return rows.load_rows(0, found.ntuples, tuple)

    async def _prepare(self, connection: Connection) -> None:
        try:
            connection.pgconn.send_prepare(self.name, self.query)
            await _finish(connection)
        except BaseException:
            await connection.close()  # nobody knows whether the name is taken there
            raise


async def _finish(connection: Connection) -> PGresult:
    results: list[PGresult] = await connection.wait(generators.execute(connection.pgconn))
    for result in results:  # the first one says why; that of a lost connection may follow
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
    if not results:
        raise psycopg.OperationalError("the server gave no result")
    return results[-1]
