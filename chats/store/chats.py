"""Chats and their participants, as rows."""

from typing import NamedTuple

from chats.store.arrays import id_array
from chats.store.query import HEAD_OF_CHAT, fetch
from chats.store.statement import Statement
from common.database.pool import Pool
from common.protocol.companions import CompanionsWanted
from common.protocol.instance import ChatsCounted
from common.protocol.limits import MAX_PARTICIPANTS_SHOWN


class ChatRow(NamedTuple):
    """A chat that is not deleted; `version` counts all its changes except messages. A direct one
    has no owner."""

    id: str
    name: str
    owner: str | None
    seq: int
    version: int
    participant_count: int
    topic: str | None = None


class Membership(NamedTuple):
    """Of a user in a chat with this head; their read marker is at `read`."""

    user: str
    chat: str
    head: int
    read: int


MAX_COUNTED = 100_000
COLUMNS = (
    f"c.id::text, c.name, c.owner::text, {HEAD_OF_CHAT}, c.version, c.participant_count, c.topic"
)
SHOWN = f"""ARRAY(
    SELECT p.member::text FROM participants p WHERE p.chat = c.id
    ORDER BY p.position LIMIT {MAX_PARTICIPANTS_SHOWN}
)"""  # noqa: S608 - a constant

_OF_MEMBER = (
    " FROM participants m JOIN chats c ON c.id = m.chat"
    " WHERE m.chat = $1::uuid AND m.member = $2::uuid"
)
_CHAT = Statement("chat", f"SELECT {COLUMNS}{_OF_MEMBER}")
_SHOWN_CHAT = Statement("shown_chat", f"SELECT {COLUMNS}, {SHOWN}{_OF_MEMBER}")


async def find_chat_of_member(pool: Pool, chat: str, member: str) -> ChatRow | None:
    """The chat, if it exists and this user takes part."""
    rows = await _CHAT.fetch(pool, (chat, member))
    return ChatRow(*rows[0]) if rows else None


async def find_shown_chat(pool: Pool, chat: str, member: str) -> tuple[ChatRow, list[str]] | None:
    """The same with its first participants, both from one snapshot."""
    rows = await _SHOWN_CHAT.fetch(pool, (chat, member))
    return (ChatRow(*rows[0][:-1]), rows[0][-1]) if rows else None


async def find_shown_chats(
    pool: Pool, member: str, chats: list[str]
) -> dict[str, tuple[ChatRow, list[str]]]:
    """The same for several; omits those in which this user does not take part."""
    rows = await fetch(
        pool,
        f"SELECT {COLUMNS}, {SHOWN} FROM unnest(%s::uuid[]) AS w (chat)"  # noqa: S608 - constants
        " JOIN participants m ON m.chat = w.chat AND m.member = %s::uuid"
        " JOIN chats c ON c.id = m.chat",
        (id_array(chats), member),
    )
    return {row[0]: (ChatRow(*row[:-1]), row[-1]) for row in rows}


async def list_participants(pool: Pool, chat: str, limit: int) -> list[str]:
    """Those who joined first."""
    rows = await fetch(
        pool,
        "SELECT member::text FROM participants WHERE chat = %s::uuid ORDER BY position"
        " LIMIT %s::bigint",
        (chat, limit),
    )
    return [member for (member,) in rows]


async def find_participants(pool: Pool, chat: str, users: list[str]) -> set[str]:
    """Those of the users who take part."""
    rows = await fetch(
        pool,
        "SELECT member::text FROM participants WHERE chat = %s::uuid AND member = ANY (%s::uuid[])",
        (chat, id_array(users)),
    )
    return {member for (member,) in rows}


async def list_owned(pool: Pool, chats: list[str]) -> list[tuple[str, str, int]]:
    """Chat, owner and number of participants of those that exist and have an owner."""
    return await fetch(
        pool,
        "SELECT id::text, owner::text, participant_count FROM chats"
        " WHERE id = ANY (%s::uuid[]) AND deleted_at IS NULL AND owner IS NOT NULL",
        (id_array(chats),),
    )


async def count_chats(pool: Pool) -> ChatsCounted:
    """Without chats that are deleted. Above a limit messages are not counted but estimated from the
    index on them."""
    rows = await fetch(
        pool,
        "SELECT (SELECT count(*) FROM chats WHERE deleted_at IS NULL),"
        " CASE WHEN c.reltuples > %s THEN c.reltuples::bigint"
        "  ELSE (SELECT count(*) FROM log WHERE kind = 'message') END,"
        " (SELECT coalesce(sum(size), 0)::bigint FROM files"
        "  WHERE stored_at IS NOT NULL AND doomed_at IS NULL),"
        " pg_database_size(current_database())"
        " FROM pg_class c WHERE c.oid = 'log_messages'::regclass",
        (float(MAX_COUNTED),),
    )
    chats, messages, file_bytes, size = rows[0]
    return ChatsCounted(chats=chats, messages=messages, file_bytes=file_bytes, database_bytes=size)


async def read_epoch(pool: Pool) -> str:
    rows = await fetch(pool, "SELECT epoch::text FROM installation")
    epoch: str = rows[0][0]
    return epoch


async def list_companions(pool: Pool, wanted: list[CompanionsWanted]) -> list[list[str]]:
    """Those of the others who share a chat with the user, for each one wanted."""
    pairs = [(one.user, other) for one in wanted for other in one.others]
    rows = await fetch(
        pool,
        "SELECT list_sharing(%s::uuid[], %s::uuid[])",
        (id_array([user for user, _ in pairs]), id_array([other for _, other in pairs])),
    )
    sharing = {nth - 1 for (nth,) in rows}
    found: list[list[str]] = []
    start = 0
    for one in wanted:
        found.append([other for nth, other in enumerate(one.others, start) if nth in sharing])
        start += len(one.others)
    return found


async def list_memberships(pool: Pool, users: list[str]) -> tuple[str, list[Membership]]:
    """The epoch, and all memberships of these users."""
    rows = await fetch(
        pool,
        f"SELECT i.epoch::text, p.member::text, c.id::text, {HEAD_OF_CHAT}, read_marker(p, o)"  # noqa: S608
        " FROM installation i LEFT JOIN (participants p JOIN chats c ON c.id = p.chat"
        " LEFT JOIN own_chats o ON o.member = p.member AND o.chat = p.chat)"
        " ON p.member = ANY (%s::uuid[])",
        (id_array(users),),
    )
    return rows[0][0], [Membership(*row[1:]) for row in rows if row[1]]
