"""SQL that concerns the database as a whole: whether it works, and which rows may be deleted."""

from pathlib import Path

import psycopg

from common.database.connecting import TCP
from common.database.failures import DatabaseUnavailable, naming_failures
from common.database.migrations import migrate
from common.database.pool import Pool

# Each deletes at most so many rows. Revocations outlive every access token. A revoked session stays
# for a log-out that is repeated; a committed transaction for a `prepare` that comes late, and no
# call lives for minutes. A dead session's tokens are deleted before it, and so are an invitation's
# uses: there may be many, and a cascade has no limit. A session's last refresh is its user's last
# visit, which nothing else records once the session is gone.
#
# Rows that may be renewed are checked twice: a statement that has waited for a row checks it again,
# but not against a subquery. Promised times are in hours: the database may be in a time zone in
# which a day has 23 of them. The log's trigger counts in days.
_DEAD_SESSIONS = """
SELECT id FROM sessions WHERE expires_at < now()
UNION SELECT id FROM sessions WHERE revoked_at < now() - interval '1 hour'
"""
_PURGES = (
    "DELETE FROM revocations WHERE number IN (SELECT number FROM revocations"
    " WHERE revoked_at < now() - interval '20 minutes' ORDER BY revoked_at LIMIT %s)",
    "DELETE FROM sign_up_keys WHERE key IN (SELECT key FROM sign_up_keys"
    " WHERE expires_at < now() ORDER BY expires_at LIMIT %s)",
    "DELETE FROM committed_transactions WHERE id IN (SELECT id FROM committed_transactions"
    " WHERE prepared_at < now() - interval '1 hour' ORDER BY prepared_at LIMIT %s)",
    "DELETE FROM results WHERE (caller, scope, key) IN (SELECT caller, scope, key FROM results"
    " WHERE at < now() - interval '24 hours' ORDER BY at LIMIT %s)",
    "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log"
    " WHERE at < now() - interval '400 days' ORDER BY at LIMIT %s)",
    "DELETE FROM refresh_tokens WHERE expires_at < now() AND hash IN"
    " (SELECT hash FROM refresh_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT %s)",
    "DELETE FROM invitation_uses WHERE (invitation, user_id) IN (SELECT u.invitation, u.user_id"
    " FROM invitations i JOIN invitation_uses u ON u.invitation = i.id"
    " WHERE i.expires_at < now() LIMIT %s)",
    "DELETE FROM invitations WHERE id IN (SELECT i.id FROM invitations i WHERE i.expires_at < now()"
    " AND NOT EXISTS (SELECT FROM invitation_uses u WHERE u.invitation = i.id)"
    " ORDER BY i.expires_at LIMIT %s)",
    # Nobody wants to be notified of it any more, and nobody offers it again.
    "DELETE FROM pushes WHERE made_at < now() - interval '1 hour' AND (session_id, chat) IN"
    " (SELECT session_id, chat FROM pushes"
    " WHERE made_at < now() - interval '1 hour' ORDER BY made_at LIMIT %s)",
    f"""DELETE FROM refresh_tokens WHERE hash IN (
        SELECT hash FROM refresh_tokens WHERE session_id IN ({_DEAD_SESSIONS}) LIMIT %s
    )""",  # noqa: S608 - constants
    f"""WITH gone AS (
        DELETE FROM sessions WHERE (expires_at < now() OR revoked_at IS NOT NULL) AND id IN (
            SELECT dead.id FROM ({_DEAD_SESSIONS}) AS dead WHERE NOT EXISTS (
                SELECT FROM refresh_tokens t WHERE t.session_id = dead.id
            ) LIMIT %s
        ) RETURNING user_id, refreshed_at
    ), seen AS (
        UPDATE users u SET last_seen_at = greatest(u.last_seen_at, g.at)
        FROM (SELECT user_id, max(refreshed_at) AS at FROM gone GROUP BY user_id) AS g
        WHERE u.id = g.user_id AND u.deleted_at IS NULL
    )
    SELECT FROM gone""",  # noqa: S608 - constants
)


class PreparedTransactionsOff(Exception):
    """This PostgreSQL cannot take part in a two-phase commit."""

    def __init__(self) -> None:
        super().__init__(
            "max_prepared_transactions is 0 in PostgreSQL: set it to 200 in postgresql.conf"
            " (as many as max_connections) and restart the server"
        )


async def answers(pool: Pool) -> bool:
    """Whether a query works right now. Raises DatabaseUnavailable."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT 1")
        return await cursor.fetchone() == (1,)


async def set_up_database(url: str) -> None:
    """Brings the tables up to date. Raises PreparedTransactionsOff, and what migrate raises."""
    with naming_failures():
        async with await psycopg.AsyncConnection.connect(
            url, connect_timeout=5, **TCP
        ) as connection:
            cursor = await connection.execute("SHOW max_prepared_transactions")
            if await cursor.fetchone() == ("0",):
                raise PreparedTransactionsOff
    await migrate(url, Path(__file__).parent.parent / "migrations")


async def purge_stale_rows(pool: Pool, rows: int) -> bool:
    """Deletes rows that nothing can ask for any more, at most so many rows of each kind, each kind
    in its own transaction. Returns whether there may be more. Raises what the database raises, once
    every kind has had its turn."""
    counts, failure = [], None
    for purge in _PURGES:
        try:
            async with pool.connection() as connection:
                counts.append((await connection.execute(purge, (rows,))).rowcount)
        except DatabaseUnavailable as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return max(counts) >= rows
