"""Files as rows: functions of docs/schema/chats.md, and queries of sweeps."""

from typing import Any, Final, NamedTuple

from chats.store.arrays import id_array
from chats.store.query import execute, fetch
from common.database.pool import Pool
from common.database.primary import SETTLE_WHAT_WAS_FOUND
from common.protocol.files import BeginUpload, FinishUpload

MAX_BYTES_A_PERSON: Final = 2**30
MAX_UPLOAD_SECONDS: Final = 600.0
UNTAKEN_SECONDS: Final = 24 * 3600.0
# Longer than a process may be stopped and still continue an upload.
BROKEN_SECONDS: Final = 3 * MAX_UPLOAD_SECONDS
DOOMED_AT_ONCE: Final = 5_000  # 25 µs each

# What a repeat finds is settled in the same transaction: if that stores something itself, it needs
# no extra flush.
_BEGIN = f"""
SELECT outcome, file, CASE WHEN outcome = 'known' THEN ({SETTLE_WHAT_WAS_FOUND}) END
FROM begin_upload(
    %s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::text, %s::bigint, %s::bigint, %s::bigint,
    %s::double precision
)
"""  # noqa: S608 - a constant
_FINISH = f"""
SELECT outcome, file, CASE WHEN outcome = 'stored' THEN ({SETTLE_WHAT_WAS_FOUND}) END
FROM finish_upload(
    %s::uuid, %s::bigint, %s::text, %s::bigint, %s::bigint, %s::boolean, %s::bigint
)
"""  # noqa: S608 - a constant
_DELETE = f"""
WITH found AS MATERIALIZED (
    SELECT f.id, f.uploader = %(user)s::uuid AND f.seq IS NULL AS may FROM files f
    WHERE f.id = %(id)s::uuid AND may_have_file(f, %(chat)s::uuid, %(user)s::uuid) FOR UPDATE
), doomed AS (
    UPDATE files SET doomed_at = clock_timestamp() WHERE id = (SELECT id FROM found WHERE may)
), kept AS (
    INSERT INTO results (caller, scope, key, result)
    SELECT %(user)s::uuid, 'delete file ' || id, %(key)s::uuid, '' FROM found WHERE may
    ON CONFLICT DO NOTHING
)
SELECT may FROM found
UNION ALL
SELECT ({SETTLE_WHAT_WAS_FOUND}) IS NOT NULL FROM results
WHERE caller = %(user)s::uuid AND scope = 'delete file ' || %(id)s::uuid AND key = %(key)s::uuid
"""  # noqa: S608 - a constant
# Locked where it is checked: an update that waits for a row which a message is just taking only
# checks again that it is the same row.
_DOOM_LEFT_OVER = """
UPDATE files SET doomed_at = clock_timestamp() WHERE id IN (
    SELECT id FROM files WHERE seq IS NULL AND doomed_at IS NULL
        AND began_at < clock_timestamp() - CASE WHEN stored_at IS NULL
            THEN %s::double precision ELSE %s::double precision END * interval '1 second'
    LIMIT %s::bigint FOR UPDATE SKIP LOCKED
)
"""
# A chat's deletion dooms only some of them itself.
_DOOM_OF_DELETED = """
WITH gone AS MATERIALIZED (
    SELECT id FROM chats WHERE deleted_at IS NOT NULL AND NOT purged
)
UPDATE files SET doomed_at = clock_timestamp() WHERE id IN (
    SELECT f.id FROM gone CROSS JOIN LATERAL (
        SELECT id FROM files WHERE chat = gone.id AND doomed_at IS NULL
        LIMIT %(most)s::bigint FOR UPDATE SKIP LOCKED
    ) AS f LIMIT %(most)s::bigint
)
"""


class Step(NamedTuple):
    """The outcome of a step of an upload; the words are those of `upload_outcome`."""

    outcome: str
    file: dict[str, Any] | None


class FileRow(NamedTuple):
    """What serving it needs. `preview` is None if the file is no picture."""

    name: str
    type: str
    size: int
    preview: bool | None


async def begin_upload(pool: Pool, upload: BeginUpload) -> Step:
    parameters = (
        upload.id, upload.chat, upload.user, upload.key, upload.name, upload.size,
        MAX_BYTES_A_PERSON, upload.at_once, MAX_UPLOAD_SECONDS,
    )  # fmt: skip
    return await _take_step(pool, _BEGIN, parameters)


async def finish_upload(pool: Pool, upload: FinishUpload) -> Step:
    parameters = (
        upload.id, upload.size, upload.type, upload.width, upload.height, upload.preview,
        MAX_BYTES_A_PERSON,
    )  # fmt: skip
    return await _take_step(pool, _FINISH, parameters)


async def _take_step(pool: Pool, query: str, parameters: tuple[Any, ...]) -> Step:
    [(outcome, file, _)] = await fetch(pool, query, parameters)
    return Step(outcome, file)


async def keep_uploads(pool: Pool, files: list[str]) -> None:
    """Makes them count as uploads in progress for a while."""
    await execute(
        pool,
        "UPDATE files SET told_at = clock_timestamp() WHERE id = ANY (%s::uuid[])"
        " AND stored_at IS NULL AND doomed_at IS NULL",
        (id_array(files),),
    )


async def drop_upload(pool: Pool, file: str) -> bool:
    """Dooms it if it is not finished, and returns whether it is not. It may be doomed already, with
    its chat, and even forgotten: then bytes that arrived after the sweep belong to no file."""
    await execute(
        pool,
        "UPDATE files SET doomed_at = clock_timestamp() WHERE id = %s::uuid"
        " AND stored_at IS NULL AND doomed_at IS NULL",
        (file,),
    )
    # In a statement of its own: the one above may have waited for the end of this very upload.
    return not await fetch(
        pool, "SELECT FROM files WHERE id = %s::uuid AND stored_at IS NOT NULL", (file,)
    )


async def find_file(pool: Pool, file: str, chat: str, reader: str) -> FileRow | None:
    """None for a file that this user may not have."""
    rows = await fetch(
        pool,
        "SELECT name, type, size, preview FROM files f"
        " WHERE id = %s::uuid AND may_have_file(f, %s::uuid, %s::uuid)",
        (file, chat, reader),
    )
    return FileRow(*rows[0]) if rows else None


async def find_linked_file(pool: Pool, file: str) -> FileRow | None:
    """For any caller; None if it or its chat is gone."""
    rows = await fetch(
        pool,
        "SELECT f.name, f.type, f.size, f.preview FROM files f JOIN chats c ON c.id = f.chat"
        " WHERE f.id = %s::uuid AND f.stored_at IS NOT NULL AND f.doomed_at IS NULL"
        " AND c.deleted_at IS NULL",
        (file,),
    )
    return FileRow(*rows[0]) if rows else None


async def find_files(pool: Pool, files: list[str], chat: str, reader: str) -> dict[str, bool]:
    """Those that this user may have, and whether each has a preview."""
    rows = await fetch(
        pool,
        "SELECT id::text, coalesce(preview, false) FROM files f"
        " WHERE id = ANY (%s::uuid[]) AND may_have_file(f, %s::uuid, %s::uuid)",
        (id_array(files), chat, reader),
    )
    return dict(rows)


async def delete_file(pool: Pool, file: str, chat: str, user: str, key: str) -> bool | None:
    """Whether it was theirs to delete, or a repeat; None for a file that they may not have."""
    parameters = {"id": file, "chat": chat, "user": user, "key": key}
    # A call that waited for the same deletion does not see the result that it stored; the next one
    # does.
    rows = await fetch(pool, _DELETE, parameters) or await fetch(pool, _DELETE, parameters)
    return rows[0][0] if rows else None


async def doom_files_of(pool: Pool, uploader: str) -> None:
    """Dooms files of theirs that no message has attached, in all chats."""
    await execute(
        pool,
        "UPDATE files SET doomed_at = clock_timestamp() WHERE uploader = %s::uuid"
        " AND seq IS NULL AND doomed_at IS NULL",
        (uploader,),
    )


async def doom_left_over(pool: Pool, limit: int) -> None:
    """Dooms uploads that were never finished, and files that no message took in time."""
    await execute(pool, _DOOM_LEFT_OVER, (BROKEN_SECONDS, UNTAKEN_SECONDS, limit))


async def doom_files_of_deleted(pool: Pool) -> None:
    """Dooms files of deleted chats, some at a time."""
    await execute(pool, _DOOM_OF_DELETED, {"most": DOOMED_AT_ONCE})


async def list_doomed(pool: Pool, limit: int, skip: int) -> list[str]:
    """Oldest first, without the `skip` oldest."""
    rows = await fetch(
        pool,
        "SELECT id::text FROM files WHERE doomed_at IS NOT NULL ORDER BY doomed_at"
        " LIMIT %s::bigint OFFSET %s::bigint",
        (limit, skip),
    )
    return [file for (file,) in rows]


async def forget_files(pool: Pool, files: list[str]) -> None:
    """Of the doomed ones."""
    await execute(
        pool,
        "DELETE FROM files WHERE id = ANY (%s::uuid[]) AND doomed_at IS NOT NULL",
        (id_array(files),),
    )


async def known_files(pool: Pool, files: list[str]) -> list[str]:
    """Those that have a row, doomed or not."""
    rows = await fetch(
        pool, "SELECT id::text FROM files WHERE id = ANY (%s::uuid[])", (id_array(files),)
    )
    return [file for (file,) in rows]
