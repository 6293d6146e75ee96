"""Changes whose callers have timed out: none of them happens later."""

import asyncio
from collections.abc import Iterator

import msgspec
import psycopg
import pytest

from common.protocol.chats import Chat, Done, RenameChat
from common.protocol.errors import Refusal
from common.protocol.files import (
    Attachment,
    BeginUpload,
    DeleteFile,
    FindFile,
    FinishUpload,
    StoredFile,
    UploadBegun,
)
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def other_session(stage: Stage) -> Iterator[psycopg.Connection]:
    """Another session's transaction, for locks."""
    with psycopg.connect(stage.chats_database_url) as connection:
        yield connection


def hold_lock(connection: psycopg.Connection, chat: Chat) -> None:
    connection.execute("SELECT FROM chats WHERE id = %s FOR UPDATE", (chat.id,))


async def rename(world: World, chat: Chat, owner: Person, name: str, seconds: float = 10) -> None:
    request = RenameChat(user=owner.id, chat=chat.id, key=new_id(), chat_name=name)
    await world.call("rename_chat", request, Done, seconds=seconds)


async def until_somebody_waits(stage: Stage, number: int = 1) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        async with asyncio.timeout(30):
            while connection.execute(waiting).fetchone() != (number,):  # noqa: ASYNC110 - polls
                await asyncio.sleep(0.01)


async def list_names(world: World, chat: Chat, person: Person) -> list[object]:
    return [event["chatName"] for event in await world.read_events(chat.id, person)]


async def test_a_change_that_waits_for_a_lock_is_not_committed_too_late(
    world: World, other_session: psycopg.Connection
) -> None:
    """When the lock is released after the caller has timed out, the change is not made."""
    ann = await world.make_person()
    chat = await world.make_chat(ann, name="one")
    hold_lock(other_session, chat)
    with pytest.raises(Refusal, match="unavailable"):
        await rename(world, chat, ann, "too late", seconds=0.3)
    await asyncio.sleep(0.3)  # the time starts on arrival, later than here on a busy machine
    other_session.rollback()
    await rename(world, chat, ann, "two")
    assert await list_names(world, chat, ann) == ["one", "two"]


async def test_a_change_that_waits_for_another_one_ends_with_its_caller(
    stage: Stage, world: World, other_session: psycopg.Connection
) -> None:
    """It waits behind a slow change of the same chat and gets its turn too late."""
    ann = await world.make_person()
    chat = await world.make_chat(ann, name="one")
    hold_lock(other_session, chat)
    slow = asyncio.create_task(rename(world, chat, ann, "two"))
    await until_somebody_waits(stage)
    with pytest.raises(Refusal, match="unavailable"):
        await rename(world, chat, ann, "too late", seconds=0.2)
    await asyncio.sleep(0.2)  # the time starts on arrival, later than here on a busy machine
    other_session.rollback()
    await slow
    await rename(world, chat, ann, "three")
    assert await list_names(world, chat, ann) == ["one", "two", "three"]


async def test_a_deletion_of_a_file_that_is_repeated_while_it_waits(
    stage: Stage, world: World, other_session: psycopg.Connection
) -> None:
    """Whichever runs first, both succeed; another request gets not_found."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    file = new_id()
    other_session.execute(
        "INSERT INTO files (id, chat, uploader, key, name, size, type, stored_at)"
        " VALUES (%s, %s, %s, %s, 'x', 1, 'text/plain', clock_timestamp())",
        (file, chat.id, ann.id, new_id()),
    )
    other_session.commit()
    other_session.execute("SELECT FROM files WHERE id = %s FOR UPDATE", (file,))
    request = DeleteFile(user=ann.id, chat=chat.id, id=file, key=new_id())
    deletions = [
        asyncio.create_task(world.call("delete_file", request, Done, seconds=10)) for _ in range(2)
    ]
    await until_somebody_waits(stage, number=len(deletions))
    other_session.rollback()
    await asyncio.gather(*deletions)
    with pytest.raises(Refusal, match="not_found"):
        await world.call("delete_file", msgspec.structs.replace(request, key=new_id()), Done)


async def test_an_end_of_an_upload_that_is_repeated_while_it_waits(
    stage: Stage, world: World, other_session: psycopg.Connection
) -> None:
    """Its replica may be dead while PostgreSQL is still working on it. Both calls are told of a
    file, which stays."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    file = new_id()
    begin = BeginUpload(
        id=file, user=ann.id, chat=chat.id, key=new_id(), name="x", size=1, at_once=1
    )
    await world.call("begin_upload", begin, UploadBegun)
    other_session.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (ann.id,))
    end = FinishUpload(id=file, size=1, type="text/plain", width=None, height=None, preview=None)
    ends = [asyncio.create_task(world.call("finish_upload", end, Attachment)) for _ in range(2)]
    await until_somebody_waits(stage, number=len(ends))
    other_session.rollback()
    assert [one.id for one in await asyncio.gather(*ends)] == [file, file]
    await world.call("find_file", FindFile(id=file, chat=chat.id, reader=ann.id), StoredFile)
