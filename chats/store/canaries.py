"""Messages of the nodes' canaries: written to the outbox as events are, in one transaction."""

from chats.store.query import execute, fetch
from common.database.pool import Pool

_STORE = """
WITH message AS (
    SELECT %s::uuid AS id, %s::bigint AS number
), canary AS (
    INSERT INTO canaries (id, number) SELECT id, number FROM message
    ON CONFLICT (id) DO UPDATE SET number = excluded.number, at = clock_timestamp()
)
INSERT INTO outbox (chat, first, last) SELECT id, number, number FROM message
RETURNING id
"""
_FORGET = """
DELETE FROM canaries WHERE at < clock_timestamp() - %s::float8 * interval '1 second'
"""


async def store_canary_message(pool: Pool, canary: str, number: int) -> int:
    """Commits it; after that it must be published. Returns the id of its outbox row."""
    rows = await fetch(pool, _STORE, (canary, number))
    outbox_id: int = rows[0][0]
    return outbox_id


async def forget_silent_canaries(pool: Pool, *, older_than_seconds: float) -> None:
    """Deletes those of nodes that are gone."""
    await execute(pool, _FORGET, (older_than_seconds,))
