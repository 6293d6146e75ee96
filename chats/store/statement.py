"""A statement that is run often, written to libpq directly.

A cursor of psycopg adapts parameters of any kind and decides when to prepare, on a connection that
is borrowed for one statement. That takes 85 of the 140 µs of CPU that a short statement costs its
process (docs/decisions/calls.md).
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import Format

from common.database.failures import named
from common.database.kept import KeptConnection
from common.database.pool import Pool

Row = tuple[Any, ...]


class Statement(NamedTuple):
    """Prepared once on each connection. `name` must be unique; psycopg's own begin with an
    underscore. `formats` are those of the parameters; if none are given, all are text."""

    name: str
    query: str
    formats: Sequence[Format] | None = None

    async def fetch(self, pool: Pool, parameters: Sequence[str | bytes | None]) -> list[Row]:
        """All rows, on a kept connection. Columns come in binary. Raises psycopg.Error, or
        DatabaseUnavailable if the error is one."""
        encoded = [one.encode() if isinstance(one, str) else one for one in parameters]
        try:
            kept = await pool.kept.take()
            try:
                rows = await self._fetch(kept, encoded)
                pool.refuse_unsure(kept.connection)
                return rows
            finally:
                await pool.kept.put(kept)
        except psycopg.Error as error:
            if (failure := named(error)) is error:
                raise
            raise failure from error

    async def _fetch(self, kept: KeptConnection, parameters: Sequence[bytes | None]) -> list[Row]:
        if self.name in kept.prepared:
            # psycopg deallocates all statements after a rollback.
            with suppress(psycopg.errors.InvalidSqlStatementName):
                return await self._execute(kept, parameters)
        await self._prepare(kept)
        kept.prepared.add(self.name)
        return await self._execute(kept, parameters)

    async def _execute(self, kept: KeptConnection, parameters: Sequence[bytes | None]) -> list[Row]:
        kept.connection.pgconn.send_query_prepared(
            self.name.encode(), parameters, self.formats, result_format=Format.BINARY
        )
        found = await kept.finish()
        kept.rows.set_pgresult(found)
        return kept.rows.load_rows(0, found.ntuples, tuple)

    async def _prepare(self, kept: KeptConnection) -> None:
        try:
            kept.connection.pgconn.send_prepare(self.name.encode(), self.query.encode())
            await kept.finish()
        except BaseException:
            await kept.close()  # it is unknown whether the name is taken there
            raise
