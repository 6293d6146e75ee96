"""Deletes rows that are no longer needed. Compares with `now()`, because PostgreSQL cannot use an
index to compare with `clock_timestamp()`, which may differ for each row."""

from chats.store.query import HEAD_OF_CHAT, execute, fetch
from common.database.pool import Pool

_PURGE = f"""
WITH doomed AS (
    SELECT id, {HEAD_OF_CHAT} AS head FROM chats c
    WHERE deleted_at < now() - %s * interval '1 second' AND NOT purged
    LIMIT 1 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM log USING doomed d, LATERAL (
        SELECT l.seq FROM log l WHERE l.chat = d.id AND l.seq < d.head ORDER BY l.seq LIMIT %s
    ) AS old
    WHERE log.chat = d.id AND log.seq = old.seq RETURNING log.chat, log.seq
), changed AS (
    DELETE FROM changed_messages c USING gone g WHERE c.chat = g.chat AND c.seq = g.seq
), unnamed AS (
    DELETE FROM unnamed_reactions r USING gone g WHERE r.chat = g.chat AND r.seq = g.seq
), mentions AS (
    DELETE FROM current_mentions m USING gone g WHERE m.chat = g.chat AND m.seq = g.seq
), blocks AS (
    DELETE FROM counted_blocks b USING doomed d WHERE b.chat = d.id
), links AS (
    DELETE FROM links_to_preview l USING doomed d WHERE l.chat = d.id
), own AS (
    DELETE FROM own_chats o USING doomed d WHERE o.chat = d.id
), counted AS (
    SELECT count(*) AS rows FROM gone
), finished AS (
    UPDATE chats c SET purged = true FROM doomed d, counted WHERE c.id = d.id AND counted.rows < %s
)
SELECT rows FROM counted, doomed
"""  # noqa: S608 - constants


async def drop_old_aborts(pool: Pool, seconds: float) -> None:
    """Decisions to abort that nobody can ask for, or commit against, any more."""
    await execute(
        pool,
        "DELETE FROM decisions WHERE NOT committed AND at < now() - %s * interval '1 second'",
        (seconds,),
    )


async def drop_old_results(pool: Pool, seconds: float, limit: int) -> None:
    """First results whose keys no longer have to be recognised."""
    await execute(
        pool,
        "DELETE FROM results WHERE (caller, scope, key) IN (SELECT caller, scope, key"
        " FROM results WHERE at < now() - %s * interval '1 second' ORDER BY at LIMIT %s)",
        (seconds, limit),
    )


async def purge_deleted_chat(pool: Pool, *, older_than_seconds: float, rows: int) -> bool:
    """Deletes up to so many rows of one deleted chat's log, all but its last; returns whether there
    was such a chat."""
    return bool(await fetch(pool, _PURGE, (older_than_seconds, rows, rows)))
