"""SQL of Web Push: the instance's key, subscriptions, and the pushes for them."""

from typing import Final, NamedTuple

from common.database.pool import Connection, Pool, begin
from common.protocol.push import PushLevel, PushOffer, PushOutcome, SavePush

MAX_SUBSCRIPTIONS: Final = 20  # per user
MAX_WAITING: Final = 50_000  # pushes; further ones are dropped
MAX_WAITING_A_BROWSER: Final = 50  # likewise, so that a few unreachable ones do not use up all
SETTLE_SECONDS: Final = 1.0  # messages that arrive meanwhile in the chat are sent as one push
_ALIVE: Final = "s.revoked_at IS NULL AND s.expires_at > now()"
_SAVE = """
INSERT INTO push_subscriptions (session_id, user_id, endpoint, p256dh, auth, level, silent)
SELECT s.id, s.user_id, %s, %s, %s, %s, %s FROM sessions s
WHERE s.id = %s AND s.user_id = %s AND s.revoked_at IS NULL AND s.expires_at > now()
ON CONFLICT (session_id) DO UPDATE SET
    endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth,
    level = excluded.level, silent = excluded.silent, saved_at = now()
"""
_DROP_FORMER = f"""
DELETE FROM push_subscriptions WHERE endpoint = %s AND session_id <> %s
    AND EXISTS (SELECT FROM sessions s WHERE s.id = %s AND {_ALIVE})
"""  # noqa: S608 - a constant
_DROP_OLDEST = """
DELETE FROM push_subscriptions WHERE session_id IN (
    SELECT session_id FROM push_subscriptions WHERE user_id = %s
    ORDER BY saved_at DESC, session_id OFFSET %s
)
"""
_OFFER = f"""
INSERT INTO pushes AS q (session_id, chat, first, seq, sender, due_at, made_at)
SELECT DISTINCT ON (p.session_id, o.chat)
    p.session_id, o.chat, o.first, o.seq, o.sender, now() + make_interval(secs => %(settle)s), now()
FROM unnest(
    %(users)s::uuid[], %(chats)s::uuid[], %(firsts)s::bigint[], %(seqs)s::bigint[],
    %(senders)s::uuid[], %(personal)s::boolean[]
) AS o (user_id, chat, first, seq, sender, personal)
JOIN push_subscriptions p ON p.user_id = o.user_id AND (p.level = 'all' OR o.personal)
JOIN sessions s ON s.id = p.session_id AND {_ALIVE}
WHERE EXISTS (
    SELECT FROM pushes w
    WHERE w.session_id = p.session_id AND w.chat = o.chat AND w.due_at < 'infinity'
) OR (SELECT count(*) FROM (
    SELECT FROM pushes WHERE due_at < 'infinity' LIMIT %(waiting)s
) AS waiting) < %(waiting)s AND (SELECT count(*) FROM (
    SELECT FROM pushes w WHERE w.session_id = p.session_id AND w.due_at < 'infinity'
    LIMIT %(waiting_here)s
) AS waiting_here) < %(waiting_here)s
ORDER BY p.session_id, o.chat, o.seq DESC
ON CONFLICT (session_id, chat) DO UPDATE SET
    first = CASE
        WHEN q.due_at = 'infinity' THEN greatest(excluded.first, q.seq + 1)
        ELSE least(excluded.first, q.first)
    END,
    seq = excluded.seq,
    sender = excluded.sender,
    made_at = excluded.made_at,
    due_at = CASE WHEN q.due_at = 'infinity' THEN excluded.due_at ELSE q.due_at END
WHERE excluded.seq > q.seq
"""  # noqa: S608 - a constant
_CLAIM = f"""
WITH due AS (
    SELECT session_id, chat FROM pushes WHERE due_at < now()
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE pushes q SET due_at = now() + make_interval(secs => %s), attempts = q.attempts + 1
    FROM due WHERE q.session_id = due.session_id AND q.chat = due.chat
    RETURNING q.session_id, q.chat, q.first, q.seq, q.sender, q.attempts, q.made_at
)
SELECT c.session_id::text, p.user_id::text, c.chat::text, c.first, c.seq,
    coalesce(u.display_name, u.username, ''), c.attempts,
    extract(epoch FROM now() - c.made_at)::float8, p.endpoint, p.p256dh, p.auth, p.level,
    p.silent
FROM claimed c JOIN push_subscriptions p ON p.session_id = c.session_id
JOIN sessions s ON s.id = c.session_id AND {_ALIVE}
LEFT JOIN users u ON u.id = c.sender
"""  # noqa: S608 - a constant
# Locks in the order of `_OFFER`, so that the two cannot deadlock. A newer message of the chat,
# which came while this one was sent, is due at once.
_SETTLE = """
WITH locked AS (
    SELECT q.session_id, q.chat, o.seq, o.outcome, o.after
    FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::float8[])
        AS o (session_id, chat, seq, outcome, after)
    JOIN pushes q ON q.session_id = o.session_id AND q.chat = o.chat
    WHERE o.outcome <> 'gone' ORDER BY q.session_id, q.chat FOR UPDATE OF q
)
UPDATE pushes q SET
    attempts = CASE WHEN o.outcome = 'done' THEN 0 ELSE q.attempts END,
    first = CASE WHEN o.outcome = 'done' THEN o.seq + 1 ELSE q.first END,
    due_at = CASE
        WHEN o.outcome = 'later' THEN now() + make_interval(secs => o.after)
        WHEN q.seq > o.seq OR o.outcome = 'older' THEN now()
        ELSE 'infinity'
    END
FROM locked o WHERE q.session_id = o.session_id AND q.chat = o.chat
"""
# A newer message that arrived meanwhile is sent instead.
_OLDER = """
UPDATE pushes q SET seq = o.older, sender = o.sender
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[], %s::uuid[])
    AS o (session_id, chat, seq, older, sender)
WHERE q.session_id = o.session_id AND q.chat = o.chat AND q.seq = o.seq
"""
_GONE = """
DELETE FROM push_subscriptions p USING unnest(%s::uuid[], %s::text[]) AS o (session_id, endpoint)
WHERE p.session_id = o.session_id AND p.endpoint = o.endpoint
"""


class ClaimedRow(NamedTuple):
    session: str
    user: str
    chat: str
    first: int
    seq: int
    sender: str
    attempts: int
    age_seconds: float
    endpoint: str
    p256dh: str
    auth: str
    level: PushLevel
    silent: bool


class PushKeyRow(NamedTuple):
    """One of the two is set: `plain` is from before keys were encrypted."""

    wrapped: bytes | None
    plain: bytes | None


async def read_push_key(pool: Pool) -> PushKeyRow | None:
    async with pool.connection() as connection:
        return await _read_key(connection)


async def insert_push_key(pool: Pool, wrapped: bytes) -> None:
    """An existing one stays."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO push_key (wrapped) VALUES (%s) ON CONFLICT DO NOTHING", (wrapped,)
        )


async def lock_push_key(connection: Connection) -> PushKeyRow | None:
    """Blocks readers too, until the transaction ends."""
    await connection.execute("LOCK TABLE push_key IN ACCESS EXCLUSIVE MODE")
    return await _read_key(connection)


async def replace_push_key(connection: Connection, wrapped: bytes) -> None:
    """Leaves the old key in no page of the table."""
    await connection.execute("TRUNCATE push_key")
    await connection.execute("INSERT INTO push_key (wrapped) VALUES (%s)", (wrapped,))


async def forget_push_key(pool: Pool, wrapped: bytes) -> int:
    """Also deletes the subscriptions, which depend on it; returns their number."""
    async with begin(pool) as connection:
        await connection.execute("DELETE FROM push_key WHERE wrapped = %s", (wrapped,))
        return (await connection.execute("DELETE FROM push_subscriptions")).rowcount


async def _read_key(connection: Connection) -> PushKeyRow | None:
    cursor = await connection.execute("SELECT wrapped, private_key FROM push_key")
    row = await cursor.fetchone()
    return None if row is None else PushKeyRow(*row)


async def save_subscription(pool: Pool, wanted: SavePush) -> bool:
    """False if the session has ended. An endpoint is one browser's: any previous owner loses it.
    Beyond `MAX_SUBSCRIPTIONS` the ones that were saved longest ago are deleted."""
    async with begin(pool) as connection:
        # If two save it at once, the second one would not find the first one's row to delete.
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (wanted.endpoint,)
        )
        await connection.execute(_DROP_FORMER, (wanted.endpoint, wanted.session, wanted.session))
        saved = await connection.execute(
            _SAVE,
            (
                wanted.endpoint, wanted.p256dh, wanted.auth, wanted.level, wanted.silent,
                wanted.session, wanted.user,
            ),
        )  # fmt: skip
        await connection.execute(_DROP_OLDEST, (wanted.user, MAX_SUBSCRIPTIONS))
    return saved.rowcount == 1


async def drop_subscription(pool: Pool, user: str, session: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "DELETE FROM push_subscriptions WHERE session_id = %s AND user_id = %s",
            (session, user),
        )


async def list_unsubscribed(pool: Pool, people: list[str]) -> list[str]:
    """Those of them who have no subscription."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT u.id::text FROM unnest(%s::uuid[]) AS u (id) WHERE NOT EXISTS ("
            " SELECT FROM push_subscriptions p WHERE p.user_id = u.id)",
            (people,),
        )
        return [person for (person,) in await cursor.fetchall()]


async def keep_offers(pool: Pool, offers: list[PushOffer]) -> int:
    """Stores a row for each subscription that wants the message; only the newest message of a chat
    counts. Returns how many are new."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _OFFER,
            {
                "users": [offer.user for offer in offers],
                "chats": [offer.chat for offer in offers],
                "firsts": [offer.first for offer in offers],
                "seqs": [offer.seq for offer in offers],
                "senders": [offer.by for offer in offers],
                "personal": [offer.personal for offer in offers],
                "settle": SETTLE_SECONDS,
                "waiting": MAX_WAITING,
                "waiting_here": MAX_WAITING_A_BROWSER,
            },
        )
    return cursor.rowcount


async def claim_pushes(pool: Pool, limit: int, seconds: float) -> list[ClaimedRow]:
    """The pushes that are due; others then leave them alone for so long."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_CLAIM, (limit, seconds))
        return [ClaimedRow(*row) for row in await cursor.fetchall()]


async def settle_pushes(pool: Pool, outcomes: list[PushOutcome]) -> None:
    async with begin(pool) as connection:
        await connection.execute(
            _SETTLE,
            (
                [one.session for one in outcomes], [one.chat for one in outcomes],
                [one.seq for one in outcomes], [one.outcome for one in outcomes],
                [one.after_seconds for one in outcomes],
            ),
        )  # fmt: skip
        older = [(one, one.older) for one in outcomes if one.older is not None]
        if older:
            await connection.execute(
                _OLDER,
                (
                    [one.session for one, _ in older], [one.chat for one, _ in older],
                    [one.seq for one, _ in older], [told.seq for _, told in older],
                    [told.by for _, told in older],
                ),
            )  # fmt: skip
        gone = [one for one in outcomes if one.outcome == "gone"]
        if gone:
            await connection.execute(
                _GONE, ([one.session for one in gone], [one.endpoint for one in gone])
            )


async def measure_pushes(pool: Pool) -> tuple[int, float]:
    """How many wait, at most `MAX_WAITING`, and for how long the oldest has been due in seconds."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8 FROM"
            " (SELECT due_at FROM pushes WHERE due_at < 'infinity' ORDER BY due_at LIMIT %s) AS w",
            (MAX_WAITING,),
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0], max(0.0, row[1])
