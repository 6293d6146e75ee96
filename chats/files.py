"""Which files exist, and who may have which one. The role `files` stores the bytes."""

import msgspec

from chats.access import chat_for_participant, file_for_reader, linked_file
from chats.store import files as store
from common.database.pool import Pool
from common.protocol.chats import Done
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.fields import check_fields, wrong_with_file_name
from common.protocol.files import (
    Attachment,
    BeginUpload,
    DeleteFile,
    DropUpload,
    FileIds,
    FilesFound,
    FindFile,
    FindFiles,
    FinishUpload,
    ListDoomed,
    StoredFile,
    UploadBegun,
)
from common.protocol.ids import is_id


async def begin_upload(pool: Pool, request: BeginUpload) -> UploadBegun:
    """Raises Refusal, as the struct says."""
    check_fields({"name": wrong_with_file_name(request.name)})
    if not is_id(request.chat):
        raise not_found()
    return UploadBegun(known=_read(await store.begin_upload(pool, request)))


async def finish_upload(pool: Pool, request: FinishUpload) -> Attachment:
    """Raises Refusal, as the struct says."""
    file = _read(await store.finish_upload(pool, request))
    assert file is not None
    return file


def _read(step: store.Step) -> Attachment | None:
    match step.outcome:
        case "not_found":
            raise not_found()
        case "too_many_bytes":
            raise invalid("file", f"must fit into your {store.MAX_BYTES_A_PERSON >> 30} GiB")
        case "too_many_at_once":
            raise Refusal("rate_limited", "Too many uploads at once.")
    return None if step.file is None else msgspec.convert(step.file, Attachment)


async def keep_uploads(pool: Pool, request: FileIds) -> Done:
    await store.keep_uploads(pool, request.ids)
    return Done(changed=True)


async def drop_upload(pool: Pool, request: DropUpload) -> Done:
    return Done(changed=await store.drop_upload(pool, request.id))


async def find_file(pool: Pool, request: FindFile) -> StoredFile:
    """Raises Refusal `not_found`."""
    if request.chat is None or request.reader is None:
        found = await linked_file(pool, request.id)
    else:
        found = await file_for_reader(pool, request.id, request.chat, request.reader)
    return StoredFile(**found._asdict())


async def find_files(pool: Pool, request: FindFiles) -> FilesFound:
    """Raises Refusal `not_found` for the chat alone."""
    await chat_for_participant(pool, request.chat, request.user)
    found = await store.find_files(pool, request.ids, request.chat, request.user)
    return FilesFound(previews=found)


async def delete_file(pool: Pool, request: DeleteFile) -> Done:
    """Raises Refusal: `not_found`, `forbidden` for another user's file or one that is attached to a
    message."""
    if not is_id(request.chat) or not is_id(request.id):
        raise not_found()
    match await store.delete_file(pool, request.id, request.chat, request.user, request.key):
        case None:
            raise not_found()
        case False:
            raise Refusal("forbidden", "This file belongs to a message: delete the message.")
    return Done(changed=True)


async def list_doomed(pool: Pool, request: ListDoomed) -> FileIds:
    """Including files that nobody asks for any more: never finished, taken by no message, or of a
    deleted chat."""
    await store.doom_left_over(pool, request.limit)
    await store.doom_files_of_deleted(pool)
    return FileIds(ids=await store.list_doomed(pool, request.limit, request.skip))


async def forget_files(pool: Pool, request: FileIds) -> Done:
    await store.forget_files(pool, request.ids)
    return Done(changed=True)


async def known_files(pool: Pool, request: FileIds) -> FileIds:
    return FileIds(ids=await store.known_files(pool, request.ids))
