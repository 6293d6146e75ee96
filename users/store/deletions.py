"""SQL of accounts being deleted, and of the work that is left to do."""

from typing import NamedTuple

from common.database.pool import Connection, Pool


class Deletion(NamedTuple):
    """`messages`: they are deleted too, from `messages_after` on."""

    user: str
    age_seconds: float
    messages: bool
    messages_after: str


async def erase_account(
    connection: Connection, user: str, username: str, *, messages: bool
) -> None:
    """Removes everything personal from its row, and every way to log in."""
    await connection.execute(
        "UPDATE users SET username = %s, email = NULL, password_hash = NULL,"
        " password_number = password_number + 1, change_key = '', role = 'member', active = false,"
        " display_name = NULL, status = NULL, avatar = NULL,"
        " deleted_at = now() WHERE id = %s",
        (username, user),
    )
    # The key stays for its ten minutes: a late repeat of the sign-up must not create a second
    # account.
    await connection.execute("UPDATE sign_up_keys SET email = NULL WHERE user_id = %s", (user,))
    for table in ("reset_codes", "invitation_uses", "joins"):  # uses first, as a removal does
        await connection.execute(
            f"DELETE FROM {table} WHERE user_id = %s",  # noqa: S608 - constants
            (user,),
        )
    await connection.execute("DELETE FROM results WHERE caller = %s", (user,))
    await connection.execute(
        "INSERT INTO deletions (user_id, messages) VALUES (%s, %s)", (user, messages)
    )


async def claim_deletion(pool: Pool, seconds: float) -> Deletion | None:
    """One that nobody works on; others then leave it alone for so long."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "UPDATE deletions SET claimed_until = now() + make_interval(secs => %s)"
            " WHERE user_id = (SELECT user_id FROM deletions"
            "  WHERE done_at IS NULL AND claimed_until < now() ORDER BY claimed_until"
            "  LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING user_id::text, extract(epoch FROM now() - requested_at)::float8,"
            " messages, messages_after",
            (seconds,),
        )
        row = await cursor.fetchone()
    return Deletion(*row) if row else None


async def hold_claim(pool: Pool, user: str, seconds: float) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE deletions SET claimed_until = now() + make_interval(secs => %s)"
            " WHERE user_id = %s",
            (seconds, user),
        )


async def note_messages(pool: Pool, user: str, *, left: bool, after: str) -> None:
    """Records how far the deletion of messages has come."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE deletions SET messages = %s, messages_after = %s WHERE user_id = %s",
            (left, after, user),
        )


async def finish_deletion(pool: Pool, user: str) -> None:
    async with pool.connection() as connection:
        await connection.execute("UPDATE deletions SET done_at = now() WHERE user_id = %s", (user,))


async def measure_deletions(pool: Pool) -> tuple[int, float]:
    """How many are unfinished, and the age of the oldest one in seconds."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(requested_at)), 0)::float8"
            " FROM deletions WHERE done_at IS NULL"
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]
