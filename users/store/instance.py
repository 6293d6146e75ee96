"""SQL of the instance: its one row, the code of its first owner, the audit log, first results."""

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from common.database.pool import Connection
from common.database.primary import SETTLE_WHAT_WAS_FOUND
from common.protocol.ids import HIGHEST_ID, new_id
from common.protocol.instance import NO_KEY, Action, SignUpMode

# Of the table's `id`: the column that is shown under this name is text, which no index is of.
LIST_LOG: Final = (
    "SELECT l.id::text, at, by::text, action, of::text, detail FROM audit_log l"
    " WHERE l.id < %(before)s::uuid ORDER BY l.id DESC LIMIT %(limit)s"
)


class InstanceRow(NamedTuple):
    name: str
    signup: SignUpMode


class LogRow(NamedTuple):
    id: str
    at: datetime
    by: str | None
    action: Action
    of: str | None
    detail: str


async def read_instance(connection: Connection) -> InstanceRow:
    return await _read(connection, "SELECT name, signup FROM instance")


async def lock_instance(connection: Connection) -> InstanceRow:
    """Serialises changes by owners and admins."""
    return await _read(connection, "SELECT name, signup FROM instance FOR UPDATE")


async def hold_instance(connection: Connection) -> InstanceRow:
    """Delays changes by owners and admins until the end of this transaction, which sees all earlier
    ones."""
    return await _read(connection, "SELECT name, signup FROM instance FOR SHARE")


async def _read(connection: Connection, query: str) -> InstanceRow:
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return InstanceRow(*row)


async def update_instance(connection: Connection, changed: InstanceRow) -> None:
    await connection.execute("UPDATE instance SET name = %s, signup = %s", changed)


async def replace_owner_code(connection: Connection, code_hash: bytes, seconds: int) -> None:
    """Voids the previous code."""
    await connection.execute(
        "INSERT INTO owner_code (hash, expires_at) VALUES (%s, now() + make_interval(secs => %s))"
        " ON CONFLICT (single) DO UPDATE SET hash = excluded.hash,"
        " expires_at = excluded.expires_at",
        (code_hash, seconds),
    )


async def has_owner_code(connection: Connection, code_hash: bytes) -> bool:
    cursor = await connection.execute(
        "SELECT FROM owner_code WHERE hash = %s AND expires_at > now()", (code_hash,)
    )
    return cursor.rowcount == 1


async def take_owner_code(connection: Connection, code_hash: bytes) -> bool:
    """Whether it was valid; it is void from now on."""
    cursor = await connection.execute(
        "DELETE FROM owner_code WHERE hash = %s AND expires_at > now()", (code_hash,)
    )
    return cursor.rowcount == 1


async def drop_owner_code(connection: Connection) -> None:
    await connection.execute("DELETE FROM owner_code")


async def write_log(
    connection: Connection, by: str | None, action: Action, of: str | None, detail: dict[str, Any]
) -> None:
    """In the transaction of the action that it records."""
    await connection.execute(
        "INSERT INTO audit_log (id, at, by, action, of, detail)"
        " VALUES (%s, clock_timestamp(), %s, %s, %s, %s)",
        (new_id(), by, action, of, msgspec.json.encode(detail).decode()),
    )


async def list_log(connection: Connection, before: str | None, limit: int) -> list[LogRow]:
    """Newest first."""
    cursor = await connection.execute(LIST_LOG, {"before": before or HIGHEST_ID, "limit": limit})
    return [LogRow(*row) for row in await cursor.fetchall()]


async def find_result(connection: Connection, caller: str, scope: str, key: str) -> bytes | None:
    """The answer to the first call with this key."""
    if key == NO_KEY:
        return None
    cursor = await connection.execute(
        "SELECT result FROM results WHERE caller = %s AND scope = %s AND key = %s",
        (caller, scope, key),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    await connection.execute(SETTLE_WHAT_WAS_FOUND)
    return bytes(row[0])


async def keep_result(
    connection: Connection, caller: str, scope: str, key: str, result: bytes
) -> None:
    """An existing one stays."""
    if key == NO_KEY:
        return
    await connection.execute(
        "INSERT INTO results (caller, scope, key, result) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (caller, scope, key, result),
    )
