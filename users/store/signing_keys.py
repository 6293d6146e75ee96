"""SQL of the keys that sign access tokens. Ages are by the database's clock, the only one that all
processes share."""

from collections.abc import Sequence
from typing import NamedTuple

from common.database.failures import wanting_tables
from common.database.pool import Connection, Pool


class KeyRow(NamedTuple):
    kid: str
    wrapped: bytes
    age_seconds: float


async def read_keys(pool: Pool) -> list[KeyRow]:
    async with pool.connection() as connection:
        return await _read(connection)


async def lock_keys(connection: Connection) -> list[KeyRow]:
    """Serialises changes of the keys; readers do not wait. Raises NoTables."""
    with wanting_tables():
        await connection.execute("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")
    return await _read(connection)


async def insert_key(connection: Connection, kid: str, wrapped: bytes, age_seconds: float) -> None:
    await connection.execute(
        "INSERT INTO signing_keys (kid, wrapped, made_at)"
        " VALUES (%s, %s, now() - make_interval(secs => %s))",
        (kid, wrapped, age_seconds),
    )


async def delete_keys(connection: Connection, kids: Sequence[str]) -> None:
    await connection.execute("DELETE FROM signing_keys WHERE kid = ANY(%s)", (list(kids),))


async def _read(connection: Connection) -> list[KeyRow]:
    cursor = await connection.execute(
        "SELECT kid, wrapped, extract(epoch FROM now() - made_at)::float8 FROM signing_keys"
    )
    return [KeyRow(*row) for row in await cursor.fetchall()]
